"""Real documents for tests that need results without training for them."""

from datetime import UTC, datetime, timedelta

import numpy as np

from contract.cell import MODELS
from contract.keys import FAILURE, PROGRESS, attempt_key, pod_failure_key, result_key
from contract.result import (
    Evaluation,
    Failure,
    LabelMetrics,
    Metrics,
    PodFailure,
    Progress,
    Provenance,
    Split,
    Splits,
    Success,
    Training,
    encode,
)
from contract.revision import resolve
from contract.store import Store
from contract.task import Task

STARTED = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def task(results_uri: str = "results", **settings: object) -> Task:
    """A resolved task on synthetic data and random weights; settings are groups: `cell={...}`, `hyper={...}`."""
    defaults = {
        "cell": {"model": "bert", "labels": 2, "samples": 800},
        "data": {"source": "synthetic"},
        "model": {"weights": "random"},
        "results": {"uri": results_uri},
    }
    return resolve([Task.model_validate(defaults | settings)])[0]


def metrics(labels: tuple[str, ...], accuracy: float, per_label: int = 50) -> Metrics:
    """Scores whose confusion matrix has `accuracy` on its diagonal, errors all taken for the next label."""
    k, right = len(labels), round(accuracy * per_label)
    confusion = np.diag([right] * k) + np.roll(np.diag([per_label - right] * k), 1, axis=1)
    shares = [float(confusion[i, i]) / per_label for i in range(k)]
    each = [
        LabelMetrics(label=name, precision=share, recall=share, f1=share, support=per_label)
        for name, share in zip(labels, shares, strict=True)
    ]
    mean = float(np.mean(shares))
    return Metrics(
        accuracy=mean, precision=mean, recall=mean, f1=mean, loss=1.0, per_label=each, confusion=confusion.tolist()
    )


def provenance(seconds: float = 100.0, attempt: str = "a1", finished_at: datetime | None = None) -> Provenance:
    """One attempt that took `seconds`."""
    finished = finished_at or STARTED + timedelta(seconds=seconds)
    return Provenance(
        attempt=attempt,
        code_version="0" * 40,
        versions={"torch": "2.13.0"},
        device="cpu",
        threads=1,
        started_at=finished - timedelta(seconds=seconds),
        finished_at=finished,
    )


def _history(validation: float) -> list[Evaluation]:
    """Twenty-five looks, the last with this accuracy."""
    return [
        Evaluation(
            step=36 * look,
            epoch=0.2 * look,
            loss=1 / look,
            accuracy=validation * look / 25,
            precision=validation * look / 25,
            recall=validation * look / 25,
            f1=validation * look / 25,
            train_loss=1 / look,
            learning_rate=1e-4,
        )
        for look in range(1, 26)
    ]


def success(of: Task, *, validation: float = 0.8, test: float = 0.75, seconds: float = 100.0) -> Success:
    """A finished cell with these accuracies (in 0..1)."""
    return Success(
        cell=of.cell,
        fingerprint=of.fingerprint(),
        fingerprint_fields=of.fingerprint_fields(),
        labels=list(of.labels),
        synthetic_data=of.data.source == "synthetic",
        random_weights=of.model.weights == "random",
        validation=metrics(of.labels, validation, per_label=max(1, of.samples_per_label // 10)),
        test=metrics(of.labels, test),
        history=_history(validation),
        training=Training(
            best_step=900,
            last_step=900,
            planned_steps=900,
            stop="completed",
            tokens_seen=60_000,
            longest_comment=40,
            trainable_parameters=100_000,
            quantized_parameters=10_000_000,
            total_parameters=22_000_000,
            trainable_modules=["classifier"],
            quantized_modules=list(MODELS[of.cell.model].lora_targets),
            dtype="bf16",
            peak_memory_bytes=10**9,
        ),
        splits=Splits(
            train=Split(comments=of.cell.samples * 9 // 10, sha256="1" * 64),
            validation=Split(comments=of.cell.samples // 10, sha256="2" * 64),
            test=Split(comments=50 * of.cell.labels, sha256="3" * 64),
        ),
        seconds={"imports": 10.0, "data": 1.0, "model": 2.0, "training": seconds - 20, "test": 5.0, "publish": 2.0},
        start_up_seconds=14.0,
        provenance=provenance(seconds),
        artifacts={},
    )


def failure(
    of: Task,
    *,
    error: str = "non-finite-loss",
    exit_code: int = 10,
    attempt: str = "a1",
    finished_at: datetime | None = None,
) -> Failure:
    """An attempt that ended under `exit_code`."""
    return Failure(
        cell=of.cell,
        fingerprint=of.fingerprint(),
        error=error,
        exit_code=exit_code,
        message="the loss became nan at step 12",
        traceback_tail=[],
        last_step=12,
        provenance=provenance(attempt=attempt, finished_at=finished_at),
    )


def progress(of: Task, *, step: int = 300, updated_at: datetime | None = None, attempt: str = "a1") -> Progress:
    """A running attempt, by default one that reported just now."""
    return Progress(
        cell=of.cell,
        fingerprint=of.fingerprint(),
        attempt=attempt,
        phase="training",
        step=step,
        planned_steps=900,
        accuracy=0.5,
        steps_per_second=10.0,
        eta_seconds=(900 - step) / 10,
        updated_at=updated_at or datetime.now(UTC),
        interval_seconds=15.0,
        log_tail=["training starts"],
    )


def pod_failure(
    of: Task, *, error: str = "OOMKilled", retriable: bool = False, ended_at: datetime | None = None, uid: str = "u1"
) -> PodFailure:
    """What a launcher saw of a pod, by default of one that was killed just now."""
    return PodFailure(
        cell=of.cell,
        fingerprint=of.fingerprint(),
        uid=uid,
        pod=f"full-{of.cell.id}-{uid}",
        node="gpu-1",
        error=error,
        message="the node's kernel ended it, it needs more memory",
        exit_code=137,
        retriable=retriable,
        ended_at=ended_at or datetime.now(UTC),
    )


def publish(store: Store, document: Success | Failure | PodFailure | Progress) -> None:
    """Put a document where a trainer or a launcher would."""
    cell_id, fingerprint = document.cell.id, document.fingerprint
    match document:
        case Success():
            store.publish(result_key(cell_id, fingerprint), encode(document))
        case Failure(provenance=by):
            store.put(attempt_key(cell_id, fingerprint, by.attempt, FAILURE), encode(document))
        case PodFailure(uid=uid):
            store.publish(pod_failure_key(cell_id, fingerprint, uid), encode(document))
        case Progress(attempt=attempt):
            store.put(attempt_key(cell_id, fingerprint, attempt, PROGRESS), encode(document))
