"""A submit is killed before and after each of its calls; the next one always ends with the same twenty Jobs."""

from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from queue import SimpleQueue
from signal import SIGKILL

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.minio import Minio
from tests.launcher.clustered import ClusterLauncher, launcher_on
from tests.launcher.forked import fork_launcher
from tests.launcher.front import Fault, Script, front_of
from tests.launcher.kubeconfigs import at, changed

FIRST_POST = 11
"""What a submit asks before: the store for a probe, the run, results, attempts and pods; a LIST of Jobs; the record of
the run and of what is held of it."""
CALLS = FIRST_POST + 20
MOMENTS = [
    *((1, call) for call in range(CALLS)),
    *((16, call) for call in range(FIRST_POST, CALLS, 3)),
]
"""Connections, and the number of the call. With one, the calls have an order; with many, others are on their way."""
BEFORE, AFTER = Fault.DROP_BEFORE, Fault.DROP_AFTER


class Scene:
    """An empty namespace and an empty store for each submit. Its Jobs are suspended: no pod is any part of this."""

    def __init__(self, launcher: ClusterLauncher, minio: Minio) -> None:
        self.launcher = launcher
        self._minio = minio
        self._s3 = minio.client()
        self._bucket, _, self._prefix = launcher.uri.removeprefix("s3://").partition("/")
        option, template = launcher.template({}, suspend=True)
        self._options = ("--yes", option, template)
        self.wanted = launcher.wanted_specs(Path(template))
        self.output = launcher.grid_file.with_name("output.txt")

    def clear(self) -> None:
        self.launcher.cluster.batch.delete_collection_namespaced_job(
            self.launcher.namespace, propagation_policy="Background"
        )
        self._s3.delete_object(Bucket=self._bucket, Key=f"{self._prefix}/runs/twenty.json")

    def submit(self, **environment: str) -> ForkServerProcess:
        arguments = self.launcher.arguments("submit", *self._options)
        return fork_launcher(arguments, self.launcher.environment(**environment), self.output)

    def submit_by_way_of(self, script: Script, connections: int, victim: "SimpleQueue[ForkServerProcess]") -> int:
        """The exit code. The process is put into `victim` as soon as it lives."""
        cluster = self.launcher.cluster
        with (
            front_of(cluster.server, script, cluster.ca) as api,
            front_of(self._minio.endpoint, script) as store,
        ):
            kubeconfig = changed(self.launcher, at(api))
            process = self.submit(
                KUBECONFIG=kubeconfig, AWS_ENDPOINT_URL_S3=store, LAUNCHER_CONNECTIONS=str(connections)
            )
            victim.put(process)
            process.join(60)
        return process.exitcode


@pytest.fixture(scope="module")
def stage(cluster: Cluster, minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with launcher_on(cluster, minio, tmp_path_factory.mktemp("kills")) as launcher:
        yield Scene(launcher, minio)


@pytest.fixture
def scene(stage: Scene) -> Scene:
    stage.clear()
    return stage


def test_a_submit_makes_as_many_calls_as_are_tried_here(scene: Scene) -> None:
    script = Script(lambda call: Fault.NONE)
    assert scene.submit_by_way_of(script, 1, SimpleQueue()) == 0
    assert len(script.requests) == CALLS
    assert scene.launcher.specs() == scene.wanted


@pytest.mark.parametrize(("connections", "call"), MOMENTS)
@pytest.mark.parametrize("moment", [BEFORE, AFTER], ids=["before", "after"])
def test_a_killed_submit_is_finished_by_the_next(scene: Scene, moment: Fault, connections: int, call: int) -> None:
    victim: SimpleQueue[ForkServerProcess] = SimpleQueue()

    def kill(number: int) -> Fault:
        if number < call:
            return Fault.NONE
        if number == call:
            victim.get(timeout=60).kill()
        return moment if number == call else BEFORE

    script = Script(kill)
    assert scene.submit_by_way_of(script, connections, victim) == -SIGKILL
    made = [each for each in script.requests if each.makes_a_job and each.carried_out]
    assert len(scene.launcher.jobs()) == len(made)
    next_one = scene.submit()
    next_one.join(60)
    assert next_one.exitcode == 0, scene.output.read_text()
    assert scene.launcher.specs() == scene.wanted
