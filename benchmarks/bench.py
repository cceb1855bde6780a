"""What a measurement of the launcher stands on: a control plane, a bucket, a grid, programs that see nothing else."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.measured import Measured, run
from contract.grid import Grid
from contract.keys import LOG, attempt_key, result_key
from contract.opening import open_store
from contract.result import encode
from contract.revision import resolve
from contract.task import Task
from launcher.jobs.manifest import OWNER_LABEL, RUN_LABEL
from tests.cluster.certificates import ADMINS
from tests.cluster.cluster import Cluster
from tests.cluster.minio import Minio
from tests.cluster.running import running_cluster
from tests.cluster.waiting import until
from tests.factories import success

CONNECTIONS = 16
"""Of every program that is compared; the launcher's default."""
_OWNER = "bench"
_MODELS = ("bert", "gemma3", "gpt2-xl", "llama3.2", "qwen2.5")
_LABELS = (2, 4, 8, 16)
_PODS_SECONDS = 1800.0
_WRITERS = 32


@dataclass(frozen=True)
class Place:
    """A namespace of a cluster that was started for it, and a fresh prefix in the store."""

    cluster: Cluster
    namespace: str
    uri: str


@dataclass(frozen=True)
class Call:
    """A launcher that ran, and what the API server says that it asked for, in order, as audit.k8s.io/v1 has it."""

    measured: Measured
    asked: list[dict[str, Any]]

    def count(self, verb: str, resource: str) -> int:
        """How many such requests there were."""
        return sum(_is(event, verb, resource) for event in self.asked)

    @property
    def seconds_to_first_post(self) -> float:
        """From the start of the process."""
        first = next(event for event in self.asked if _is(event, "create", "jobs"))
        return datetime.fromisoformat(first["requestReceivedTimestamp"]).timestamp() - self.measured.began


def _is(event: Mapping[str, Any], verb: str, resource: str) -> bool:
    return (event["verb"], event["objectRef"]["resource"]) == (verb, resource)


class Bench:
    """Runs the programs that are compared. `folder` takes the grid, the bodies of the requests, and the clusters."""

    def __init__(self, programs: Mapping[str, Path], minio: Minio, folder: Path, cells: int) -> None:
        self.cells = cells
        self._programs = programs
        self.minio = minio
        self._folder = folder
        self._bucket = minio.new_bucket("bench")
        self._numbers = count()
        self._grid = _grid(cells)
        self._grid_file = folder / "grid.json"  # JSON is YAML
        self._grid_file.write_text(self._grid.model_dump_json(exclude_defaults=True))

    @property
    def selector(self) -> str:
        """Of the Jobs and pods of the grid."""
        return f"{RUN_LABEL}={self._grid.name},{OWNER_LABEL}={_OWNER}"

    @contextmanager
    def place(self) -> Iterator[Place]:
        """For one measurement: a cluster from which others deleted thousands of Jobs would not be the same."""
        with (
            running_cluster(self._programs, self._folder / f"cluster-{next(self._numbers)}") as cluster,
            cluster.namespace() as namespace,
        ):
            cluster.core.create_namespaced_service_account(namespace, {"metadata": {"name": "trainer"}})
            yield Place(cluster, namespace, f"s3://{self._bucket}/{namespace}")

    def launcher(self, place: Place, verb: str, *options: str, store: str | None = None) -> Call:
        """`store` is an address of the store other than its own."""
        user = f"launcher-{next(self._numbers)}"
        kubeconfig = place.cluster.kubeconfig_of(user, ADMINS)
        command = [sys.executable, "-m", "launcher", verb, "--grid", str(self._grid_file), *options]
        environment = self._environment(kubeconfig) | {
            "LAUNCHER_BACKEND": "kubernetes",
            "LAUNCHER_CONNECTIONS": str(CONNECTIONS),
            "LAUNCHER_IMAGE": "emotion-grid-trainer:bench",
            "LAUNCHER_NAMESPACE": place.namespace,
            "LAUNCHER_OWNER": _OWNER,
            "LAUNCHER_RESULTS_URI": place.uri,
        }
        if store is not None:
            environment["AWS_ENDPOINT_URL_S3"] = store
        measured = run(command, environment)
        return Call(measured, place.cluster.audit(user))

    def submit(self, place: Place, *options: str, store: str | None = None) -> Call:
        """Of every cell, whatever the fuse says."""
        return self.launcher(place, "submit", "--yes", "--max-cells", str(self.cells), *options, store=store)

    def jobs_of(self, place: Place) -> list[dict[str, Any]]:
        """The Jobs that `submit` would make there."""
        printed = self.submit(place, "--dry-run", "-o", "json").measured.output
        return list(json.loads(printed)["items"])

    def bare(self, place: Place, verb: str, *arguments: str) -> Measured:
        """A program of benchmarks/bare.py."""
        command = [sys.executable, "-m", "benchmarks.bare", verb, *arguments]
        return run(command, self._environment(place.cluster.kubeconfig))

    def bare_post(self, place: Place) -> float:
        """Seconds of the requests alone."""
        bodies = self._folder / "bodies.jsonl"
        bodies.write_text("".join(f"{json.dumps(job)}\n" for job in self.jobs_of(place)))
        return float(self.bare(place, "post", str(bodies), str(CONNECTIONS), place.namespace).output)

    def kubectl_create(self, place: Place) -> float:
        """Seconds of the whole program."""
        listed = self._folder / "list.json"
        listed.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": self.jobs_of(place)}))
        command = [str(self._programs["kubectl"]), "create", "-f", str(listed)]
        return run(command, self._environment(place.cluster.kubeconfig)).seconds

    def await_pods(self, place: Place) -> None:
        """Until every Job has its pod."""
        core = place.cluster.core

        def all_there() -> bool:
            page = core.list_namespaced_pod(place.namespace, limit=1)
            return len(page.items) + (page.metadata.remaining_item_count or 0) == self.cells

        until(all_there, f"{self.cells} pods", _PODS_SECONDS)

    def publish_all(self, place: Place) -> None:
        """The result of every cell, and a log each, which stands for what its attempt left."""
        os.environ |= self.minio.environment()
        store = open_store(place.uri)

        def publish(task: Task) -> None:
            cell, fingerprint = task.cell.id, task.fingerprint()
            store.put(attempt_key(cell, fingerprint, "a1", LOG), b"done\n")
            store.put(result_key(cell, fingerprint), encode(success(task)))

        with ThreadPoolExecutor(_WRITERS) as threads:
            list(threads.map(publish, resolve(self._grid.tasks(place.uri))))

    def _environment(self, kubeconfig: Path) -> dict[str, str]:
        """Nothing of the shell's but where programs are: no proxy, and byte code is kept, as it is for a user."""
        home = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "KUBECONFIG": str(kubeconfig)}
        return home | self.minio.environment()


def _grid(cells: int) -> Grid:
    """Of so many cells, a multiple of 20: seeds give the number."""
    content = {
        "name": "bench",
        "models": _MODELS,
        "labels": _LABELS,
        "samples": [800],
        "seeds": range(cells // (len(_MODELS) * len(_LABELS))),
        "data": {"source": "synthetic"},
        "model": {"weights": "random"},
    }
    return Grid.model_validate(content)
