"""The launcher as a process, on a real cluster and a real bucket, and a stand-in that publishes for its pods."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from contract.grid import load_grid
from contract.opening import open_store
from contract.revision import resolve
from contract.store import Store
from contract.task import Task
from launcher.command_line.job_options import JobOptions
from launcher.jobs.manifest import job_manifest, load_template
from tests.cluster.cluster import Cluster
from tests.cluster.minio import Minio
from tests.launcher.accounts import install_accounts, launcher_user

GRID = """
name: {name}
models: [bert, gemma3, gpt2-xl, llama3.2, qwen2.5]
labels: [2, 4]
samples: [80, 160]
data: {{source: synthetic}}
model: {{weights: random}}
"""
IMAGE = f"emotion-grid-trainer@sha256:{'0' * 64}"
"""By digest: for a tag the launcher would ask a registry on the Internet."""
OWNER = "somebody"


@contextmanager
def launcher_on(cluster: Cluster, minio: Minio, folder: Path, *, queue: bool = False) -> Iterator["ClusterLauncher"]:
    """In a namespace of its own, as its own service account, on a bucket of its own, which this process sees too.

    With the rights for a `queue` of Kueue's, or without.
    """
    with cluster.namespace() as namespace, pytest.MonkeyPatch.context() as patch:
        install_accounts(cluster, namespace, queue=queue)
        for name, value in minio.environment().items():
            patch.setenv(name, value)
        for name in ("HTTP_PROXY", "http_proxy"):
            patch.delenv(name, raising=False)
        yield ClusterLauncher(cluster, namespace, minio.new_bucket("launcher"), folder, minio.environment())


class ClusterLauncher:
    """`python -m launcher` for a grid of twenty cells in a namespace, as the service account `user`."""

    def __init__(self, cluster: Cluster, namespace: str, bucket: str, folder: Path, store: dict[str, str]) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.uri = f"s3://{bucket}/study"
        self.user = launcher_user(namespace)
        self.kubeconfig = cluster.kubeconfig_of_token(self.user, cluster.token(namespace, "launcher"))
        self.grid_file = folder / "twenty.yaml"
        self.grid_file.write_text(GRID.format(name="twenty"))
        self._store = store

    def command(self, verb: str, *options: str) -> list[str]:
        return [sys.executable, "-m", "launcher", *self.arguments(verb, *options)]

    def arguments(self, verb: str, *options: str) -> list[str]:
        grid = [] if verb == "doctor" or {"--run", "--grid"} & set(options) else ["--grid", str(self.grid_file)]
        return [verb, *grid, *options]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAUNCHER_", "KUBE"))}
        ours = {
            "KUBECONFIG": str(self.kubeconfig),
            "LAUNCHER_IMAGE": IMAGE,
            "LAUNCHER_NAMESPACE": self.namespace,
            "LAUNCHER_OWNER": OWNER,
            "LAUNCHER_RESULTS_URI": self.uri,
            # A proxy that isn't there: no API server on loopback may be asked through it.
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "HTTP_PROXY": "",
            "http_proxy": "",
            "NO_PROXY": "",
            "no_proxy": "",
        }
        return {name: value for name, value in (kept | self._store | ours | more).items() if value}

    def __call__(
        self, verb: str, *options: str, stdin: int = subprocess.DEVNULL, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(verb, *options),
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            stdin=stdin,
            timeout=120,
        )

    def template(self, ending: Mapping[str, str], *, suspend: bool = False, **pod: Any) -> tuple[str, str]:
        """The option for a job.yaml whose pods end as told, with `pod` in their spec; suspended Jobs make none."""
        template = load_template()
        template["spec"]["suspend"] = suspend
        template["spec"]["template"]["spec"] |= pod
        template["spec"]["template"]["metadata"]["annotations"] = dict(ending)
        path = self.grid_file.with_name("job.yaml")
        path.write_text(yaml.safe_dump(template))
        return "--template", str(path)

    def json(self, verb: str, *options: str, **environment: str) -> Any:
        """What the verb prints on stdout, which must be JSON and nothing else."""
        done = self(verb, "--json", *options, **environment)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def states(self, *options: str) -> dict[str, str]:
        """Cell id -> state."""
        return {cell["cell"]: cell["state"] for cell in self.json("status", *options)["cells"]}

    def tasks(self) -> list[Task]:
        """Of the grid."""
        return resolve(load_grid(str(self.grid_file)).tasks(self.uri))

    def store(self) -> Store:
        """Where results go."""
        return open_store(self.uri)

    def pod(self, cell: str) -> client.V1Pod | None:
        """Of the cell's latest attempt."""
        selector = f"emotion-grid/cell={cell}"
        found = self.cluster.core.list_namespaced_pod(self.namespace, label_selector=selector).items
        return max(found, key=lambda pod: pod.metadata.creation_timestamp, default=None)

    def jobs(self) -> Sequence[client.V1Job]:
        """All that there are in the namespace."""
        return list(self.cluster.batch.list_namespaced_job(self.namespace).items)

    def specs(self) -> dict[str, Any]:
        """Name -> the Job there as somebody asked for it, with the API server's defaults."""
        listed = self.cluster.batch.list_namespaced_job(self.namespace, _preload_content=False)
        return {job["metadata"]["name"]: _as_asked(job) for job in json.loads(listed.data)["items"]}

    def wanted_specs(self, template: Path | None = None) -> dict[str, Any]:
        """The same of the Jobs that a submit is to make, by way of the API server, which stores none.

        To be asked for before they are made: it refuses their names afterwards.
        """
        options = JobOptions(image=IMAGE, owner=OWNER, namespace=self.namespace)
        jobs = [job_manifest(task, "twenty", options, load_template(template)) for task in self.tasks()]
        make, raw = self.cluster.batch.create_namespaced_job, {"dry_run": "All", "_preload_content": False}
        return {job["metadata"]["name"]: _as_asked(json.loads(make(self.namespace, job, **raw).data)) for job in jobs}

    def posts(self) -> int:
        """How many Jobs it asked the API server to make."""
        asked = [(event["verb"], event["objectRef"]["resource"]) for event in self.cluster.audit(self.user)]
        return asked.count(("create", "jobs"))


def _as_asked(job: dict[str, Any]) -> dict[str, Any]:
    metadata, spec = job["metadata"], job["spec"]
    del spec["selector"]
    for name in ("controller-uid", "batch.kubernetes.io/controller-uid"):
        del spec["template"]["metadata"]["labels"][name]
    return {"labels": metadata["labels"], "annotations": metadata["annotations"], "spec": spec}
