"""A submit is killed before and after each of its calls; the next one always ends with the same twenty Jobs."""

import subprocess
from collections.abc import Iterator
from itertools import count
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from queue import SimpleQueue
from signal import SIGKILL

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends
from tests.cluster.minio import Minio
from tests.cluster.waiting import until
from tests.launcher.clustered import ClusterLauncher, launcher_on
from tests.launcher.forked import fork_launcher
from tests.launcher.front import Fault, Script, front_of
from tests.launcher.kubeconfigs import at, changed
from tests.launcher.test_cluster_faults import misbehaving

BEFORE, AFTER = Fault.DROP_BEFORE, Fault.DROP_AFTER


class Scene:
    """An empty namespace and an empty store for each submit. Its Jobs are suspended: no pod is any part of this."""

    def __init__(self, launcher: ClusterLauncher, minio: Minio) -> None:
        self.launcher = launcher
        self._minio = minio
        self._s3 = minio.client()
        self._bucket = launcher.uri.removeprefix("s3://").partition("/")[0]
        option, template = launcher.template({}, suspend=True)
        self._options = ("--yes", option, template)
        self.wanted = launcher.wanted_specs(Path(template))
        self.output = launcher.grid_file.with_name("output.txt")

    def clear(self) -> None:
        self.launcher.cluster.batch.delete_collection_namespaced_job(
            self.launcher.namespace, propagation_policy="Background"
        )
        for each in self._s3.list_objects_v2(Bucket=self._bucket).get("Contents", ()):
            self._s3.delete_object(Bucket=self._bucket, Key=each["Key"])

    def submit(self, **environment: str) -> ForkServerProcess:
        arguments = self.launcher.arguments("submit", *self._options)
        return fork_launcher(arguments, self.launcher.environment(**environment), self.output)

    def submit_killed_at(self, call: int, moment: Fault, connections: int) -> Script | None:
        """What it had asked until then; None when it made fewer calls and ended well."""
        victim: SimpleQueue[ForkServerProcess] = SimpleQueue()

        def kill(number: int) -> Fault:
            if number < call:
                return Fault.NONE
            if number == call:
                victim.get(timeout=60).kill()
            return moment if number == call else BEFORE

        script, cluster = Script(kill), self.launcher.cluster
        with (
            front_of(cluster.server, script, cluster.ca) as api,
            front_of(self._minio.endpoint, script) as store,
        ):
            kubeconfig, many = changed(self.launcher, at(api)), str(connections)
            process = self.submit(KUBECONFIG=kubeconfig, AWS_ENDPOINT_URL_S3=store, LAUNCHER_CONNECTIONS=many)
            victim.put(process)
            process.join(60)
        assert process.exitcode in (0, -SIGKILL), self.output.read_text()
        return script if process.exitcode else None


@pytest.fixture(scope="module")
def scene(cluster: Cluster, minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with launcher_on(cluster, minio, tmp_path_factory.mktemp("kills")) as launcher:
        yield Scene(launcher, minio)


@pytest.mark.parametrize("moment", [BEFORE, AFTER], ids=["before", "after"])
@pytest.mark.parametrize(("call", "method"), [(4, "DELETE"), (5, "POST")])
def test_a_submit_that_is_killed_while_it_makes_a_job_anew_is_finished_by_the_next(
    cluster: Cluster, clustered: ClusterLauncher, call: int, method: str, moment: Fault
) -> None:
    """Its calls before are a LIST of Jobs, one of pods, and whether it may look at the secret and at nodes."""
    one = ("--yes", "--only", "model=bert,labels=2,samples=80")
    name = "twenty-bert-l2-n80-s0"
    wanted = clustered.wanted_specs()[name]
    with cluster.gpu_nodes(1):
        clustered("submit", *one, *clustered.template(ends(0)))
        until(lambda: clustered.jobs()[0].status.completion_time, "the Job to end")
    victims: list[subprocess.Popen[bytes]] = []

    def kill(number: int) -> Fault:
        if number < call:
            return Fault.NONE
        victims[0].kill()
        return moment if number == call else BEFORE

    with misbehaving(clustered, kill) as (script, kubeconfig):
        environment = clustered.environment(KUBECONFIG=kubeconfig)
        victims.append(subprocess.Popen(clustered.command("submit", *one), env=environment, stderr=subprocess.DEVNULL))
        assert victims[0].wait(timeout=60) == -SIGKILL
    assert (script.requests[call].method, "/jobs" in script.requests[call].path) == (method, True)
    assert clustered("submit", *one).returncode == 0
    assert clustered.specs() == {name: wanted}
    assert clustered.jobs()[0].status.completion_time is None


@pytest.mark.timeout(1200, func_only=True)
@pytest.mark.parametrize("moment", [BEFORE, AFTER], ids=["before", "after"])
@pytest.mark.parametrize(("connections", "step"), [(1, 1), (16, 4)], ids=["each-call", "with-others-on-their-way"])
def test_a_submit_that_is_killed_is_finished_by_the_next(
    scene: Scene, moment: Fault, connections: int, step: int
) -> None:
    """At its first call, and so on until it has no more."""
    for call in count(0, step):
        scene.clear()
        killed = scene.submit_killed_at(call, moment, connections)
        if killed is None:
            break
        at_call = f"killed at call {call}, {killed.requests[call]}"
        made = [each for each in killed.requests if each.makes_a_job and each.carried_out]
        assert len(scene.launcher.specs()) == len(made), at_call
        next_one = scene.submit()
        next_one.join(60)
        assert next_one.exitcode == 0, f"{at_call}: {scene.output.read_text()}"
        assert scene.launcher.specs() == scene.wanted, at_call
    assert call > len(scene.wanted)  # one for each Job, and others
    assert scene.launcher.specs() == scene.wanted
