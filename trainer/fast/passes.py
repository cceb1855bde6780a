"""Forward and backward pass of one micro-batch: as torch runs them, or replayed as a CUDA graph."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from peft import PeftModel
from torch.nn import functional

from trainer.fast.batches import Batch, FlatBatch
from trainer.fast.forward import logits_of
from trainer.fast.halves import Halves
from trainer.machine import Precision

Pass = Callable[[Batch | FlatBatch, int], torch.Tensor]
"""A batch, and of how many the optimizer step consists -> its share of the loss. Gradients are added up in place."""

_WARM_UPS = 3
"""Passes before a capture, on a stream of their own, as torch.cuda.graph asks for."""


def computing(device: torch.device, precision: Precision) -> torch.autocast:
    """Forward passes in the compute type."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision.name == "bf16")


@dataclass(frozen=True)
class EagerPass:
    """One operation after the other."""

    model: PeftModel
    precision: Precision
    halves: Halves

    def __call__(self, batch: Batch | FlatBatch, parts: int) -> torch.Tensor:
        """See Pass."""
        self.halves.take()
        with computing(batch.ids.device, self.precision):
            loss = functional.cross_entropy(logits_of(self.model, batch), batch.labels)
        loss = loss / parts
        loss.backward()  # type: ignore[no-untyped-call]
        self.halves.deliver()
        return loss.detach()


@dataclass(frozen=True)
class _Graph:
    recorded: torch.cuda.CUDAGraph
    batch: Batch
    loss: torch.Tensor


class GraphedPass:
    """One launch for all operations of a pass; a graph for each shape, and eager passes once one cannot be captured.

    Needs gradients that stay where they are, and no synchronisation inside of the model.
    """

    def __init__(self, eager: EagerPass, on_fallback: Callable[[str], None]) -> None:
        self._eager = eager
        self._on_fallback = on_fallback
        self._graphs: dict[tuple[int, int, int], _Graph] = {}
        self._supported = True
        self._pool = torch.cuda.graph_pool_handle()
        """Memory of all graphs: one is replayed at a time, and its loss is copied out at once."""

    def __call__(self, batch: Batch | FlatBatch, parts: int) -> torch.Tensor:
        """See Pass."""
        if isinstance(batch, FlatBatch):  # too many shapes for graphs
            return self._eager(batch, parts)
        key = (*batch.shape, parts)
        if self._supported and key not in self._graphs:
            self._try_to_capture(key, batch, parts)
        if not self._supported:
            return self._eager(batch, parts)
        return _replay(self._graphs[key], batch)

    def _try_to_capture(self, key: tuple[int, int, int], batch: Batch, parts: int) -> None:
        try:
            self._graphs[key] = self._capture(batch, parts)
        except RuntimeError as error:
            self._supported = False
            self._graphs.clear()
            self._on_fallback(f"no CUDA graphs: {str(error).splitlines()[0]}")

    def _capture(self, batch: Batch, parts: int) -> _Graph:
        """Leaves the gradients as they were."""
        gradients = [p.grad for p in self._eager.model.parameters() if p.grad is not None]
        before = [gradient.clone() for gradient in gradients]
        static = Batch(batch.ids.clone(), batch.mask.clone(), batch.labels.clone(), batch.tokens)
        recorded = torch.cuda.CUDAGraph()
        try:
            with torch.random.fork_rng(devices=[batch.ids.device]):  # or the step's masks were not those of its replay
                self._warm_up(static, parts)
                with torch.cuda.graph(recorded, pool=self._pool):
                    loss = self._eager(static, parts)
        finally:
            torch._foreach_copy_(gradients, before)
        return _Graph(recorded, static, loss)

    def _warm_up(self, static: Batch, parts: int) -> None:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                self._eager(static, parts)
        torch.cuda.current_stream().wait_stream(stream)


def _replay(graph: _Graph, batch: Batch) -> torch.Tensor:
    for there, here in (
        (graph.batch.ids, batch.ids),
        (graph.batch.mask, batch.mask),
        (graph.batch.labels, batch.labels),
    ):
        there.copy_(here, non_blocking=True)
    graph.recorded.replay()
    return graph.loss.clone()
