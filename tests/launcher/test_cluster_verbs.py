"""submit, status and cancel on a real API server, Job controller and scheduler."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
import yaml
from kubernetes import client

from tests.cluster.cluster import Cluster
from tests.cluster.endings import never_starts
from tests.cluster.waiting import until
from tests.factories import failure, progress, publish, success
from tests.launcher.clustered import IMAGE, ClusterLauncher
from tests.launcher.registry import registry


def test_twenty_cells_become_twenty_jobs_and_the_same_command_again_makes_none(clustered: ClusterLauncher) -> None:
    first = clustered("submit", "--yes")
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("\ncreated  ") == 20
    before = clustered.posts()
    again = clustered("submit", "--yes")
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("\nexists   ") == 20
    assert (clustered.posts(), len(clustered.jobs())) == (before, 20)


@pytest.mark.parametrize("answer", ["n", "maybe", "y"])
def test_the_question_counts_the_jobs_that_would_be_made(clustered: ClusterLauncher, answer: str) -> None:
    clustered("submit", "--yes", "--only", "model=bert,labels=2")
    with answering(answer) as terminal:
        done = clustered("submit", "--only", "model=bert", stdin=terminal)
    assert "2 of these have a Job that goes on; 2 to make\n" in done.stderr
    assert f"make 2 Jobs in namespace {clustered.namespace}? [y/N]" in done.stderr
    agreed = answer == "y"
    assert done.returncode == (0 if agreed else 3)
    assert done.stderr.endswith("nothing was made\n") is not agreed
    assert len(clustered.jobs()) == (4 if agreed else 2)


def test_where_every_job_is_there_nothing_is_asked(clustered: ClusterLauncher) -> None:
    one = ("--only", "model=bert,labels=2,samples=80")
    clustered("submit", "--yes", *one)
    again = clustered("submit", *one)
    assert again.returncode == 0, again.stderr
    assert again.stdout == f"in namespace {clustered.namespace}: 1 Job of run twenty; see `status`\n"


@contextmanager
def answering(words: str) -> Iterator[int]:
    """A terminal in which somebody typed these words."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{words}\n".encode())
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


def test_a_retry_where_nothing_failed_says_so_and_what_helps_the_rest(
    cluster: Cluster, clustered: ClusterLauncher
) -> None:
    only = ("--only", "model=bert,samples=80")
    with cluster.gpu_nodes(1):
        clustered("submit", "--yes", *only, "--canary", *clustered.template(never_starts("ImagePullBackOff")))
        until(lambda: clustered.states(*only)["bert-l2-n80-s0"] == "stuck", "the image to be missed")
        done = clustered("retry", *only)
    assert (done.returncode, done.stdout) == (0, "")
    told = done.stderr.splitlines()
    assert told[0] == "nothing to retry: 2 cells: 1 stuck, 1 held"
    assert told[1].startswith("stuck    bert-l2-n80-s0: cannot pull the image")
    assert "`cancel` the cell, then submit it with --image" in told[1]
    assert told[2] == "held     bert-l4-n80-s0: waits for bert-l2-n80-s0 to succeed"


def test_the_store_is_asked_first(clustered: ClusterLauncher) -> None:
    """Jobs of finished cells may be long gone."""
    for task in clustered.tasks()[1:]:
        publish(clustered.store(), success(task))
    done = clustered("submit", "--yes")
    assert done.returncode == 0, done.stderr
    assert [job.metadata.name for job in clustered.jobs()] == ["twenty-bert-l2-n80-s0"]


def test_machines_are_told_that_there_is_nothing_to_do(clustered: ClusterLauncher) -> None:
    for task in clustered.tasks():
        publish(clustered.store(), success(task))
    nothing = {"run": "twenty", "namespace": clustered.namespace, "jobs": [], "held": []}
    assert clustered.json("submit", "--yes") == nothing


def test_two_launchers_at_once_make_one_job_a_cell(clustered: ClusterLauncher) -> None:
    wanted, command = clustered.wanted_specs(), clustered.command("submit", "--yes")
    environment = clustered.environment(LAUNCHER_REQUESTS_PER_SECOND="10")
    both = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    words = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], words
    assert clustered.specs() == wanted
    assert sum(each.count("\ncreated  ") for each in words) == 20
    assert clustered.posts() > 20  # they did meet


def test_cancel_leaves_the_jobs_of_another_run_and_owner(clustered: ClusterLauncher) -> None:
    only = ("--only", "labels=2,samples=80")
    clustered("submit", "--yes", *only)
    clustered("submit", "--yes", *only, "--run", "other", "--grid", str(clustered.grid_file))
    clustered("submit", "--yes", "--only", "labels=4,samples=80", LAUNCHER_OWNER="else")
    assert len(clustered.jobs()) == 15
    done = clustered("cancel", "--yes", "bert-l2-n80-s0")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "deleted  twenty-bert-l2-n80-s0")
    assert "4 Jobs of run twenty deleted" in clustered("cancel", "--yes").stdout
    left = {
        (job.metadata.labels["emotion-grid/run"], job.metadata.labels["emotion-grid/owner"]) for job in clustered.jobs()
    }
    assert left == {("other", "somebody"), ("twenty", "else")}
    selector = "emotion-grid/run=twenty,emotion-grid/owner=somebody"
    core = clustered.cluster.core
    until(lambda: not core.list_namespaced_pod(clustered.namespace, label_selector=selector).items, "pods to be gone")


def test_cancel_lists_what_it_would_delete_and_asks(clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2")
    clustered("submit", "--yes", *only)
    unasked = clustered("cancel", *only)
    assert (unasked.returncode, unasked.stderr.splitlines()) == (
        2,
        [
            "delete   twenty-bert-l2-n160-s0: goes on",
            "delete   twenty-bert-l2-n80-s0: goes on",
            "launcher: error: no terminal to ask in: add --yes to do what stands above",
        ],
    )
    with answering("n") as terminal:
        refused = clustered("cancel", *only, stdin=terminal)
    assert refused.returncode == 3
    assert refused.stderr.endswith(f"delete 2 Jobs in namespace {clustered.namespace}? [y/N] nothing was deleted\n")
    assert len(clustered.jobs()) == 2
    with answering("y") as terminal:
        agreed = clustered("cancel", *only, stdin=terminal)
    assert (agreed.returncode, agreed.stdout.count("deleted  ")) == (0, 2)
    assert clustered("cancel", *only).returncode == 0


def test_jobs_are_deleted_many_at_a_time(clustered: ClusterLauncher) -> None:
    """By the API server's own clock a DELETE came before another was answered."""
    clustered("submit", "--yes")
    clustered("cancel", "--yes")
    asked = [event for event in clustered.cluster.audit(clustered.user) if event["verb"] == "delete"]
    times = sorted((event["requestReceivedTimestamp"], event["stageTimestamp"]) for event in asked)
    assert len(times) == 20
    assert any(later[0] < earlier[1] for earlier, later in pairwise(times))


def test_status_by_the_store_alone(clustered: ClusterLauncher) -> None:
    publish(clustered.store(), success(clustered.tasks()[0]))
    done = clustered("status", KUBECONFIG="/nonexistent/config")
    assert done.returncode == 3
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["by the store alone"]
    assert done.stdout.splitlines()[-1] == "20 cells: 1 done, 19 missing"


def test_a_conflicting_job_is_named_with_both_owners(clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2")
    clustered("submit", "--yes", *only, LAUNCHER_OWNER="else")
    done = clustered("submit", "--yes", *only)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    for word in ("twenty-bert-l2-n80-s0", "owner else, not somebody", "--run"):
        assert word in last
    assert len(clustered.jobs()) == 2


def test_whoever_has_no_jobs_hears_of_another_owner_s(clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2")
    clustered("submit", "--yes", *only, LAUNCHER_OWNER="else")
    hint = f"run twenty has Jobs of owner else in namespace {clustered.namespace}: --owner else if that is you\n"
    assert clustered("status").stderr == hint
    assert clustered("cancel", "--yes").stderr == hint
    assert clustered("status", "--run", "other", "--grid", str(clustered.grid_file)).stderr == ""
    clustered("submit", "--yes", "--only", "model=gemma3,labels=2")
    assert clustered("status").stderr == ""
    assert len(clustered.jobs()) == 4


def test_a_dry_run_makes_nothing(clustered: ClusterLauncher) -> None:
    named = clustered("submit", "--dry-run", "-o", "name")
    assert (named.returncode, len(named.stdout.splitlines())) == (0, 20)
    listed = json.loads(clustered("submit", "--dry-run", "-o", "json").stdout)
    assert clustered.json("submit", "--dry-run") == listed
    documents = list(yaml.safe_load_all(clustered("submit", "--dry-run").stdout))
    assert documents == listed["items"]
    assert not clustered.jobs()
    assert not list(clustered.store().list(""))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--max-cells", "19"), "20 cells are more than --max-cells 19; choose some with --only, or raise it"),
        (("--max-gpu-hours", "0.1"), "more than --max-gpu-hours 0.1; choose some with --only, or raise it"),
        (
            ("--max-gpu-hours", "0.1", "--results-uri", "s3://no-such-bucket-anywhere/study"),
            "more than --max-gpu-hours",
        ),
    ],
)
def test_a_dry_run_is_refused_as_its_submit_would_be(
    clustered: ClusterLauncher, options: tuple[str, ...], words: str
) -> None:
    for dry_run in ("--dry-run", "--server-dry-run"):
        done = clustered("submit", dry_run, *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr.splitlines()[-1]


def test_a_dry_run_without_a_store_shows_every_cell(clustered: ClusterLauncher) -> None:
    done = clustered("submit", "--dry-run", "-o", "name", "--results-uri", "s3://no-such-bucket-anywhere/study")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 20)
    assert done.stderr.startswith("warning: ")
    assert len(done.stderr.splitlines()) == 1


def test_wait_ends_when_all_are_done(clustered: ClusterLauncher) -> None:
    clustered("submit", "--yes", "--only", "model=bert")
    waiting = subprocess.Popen(
        clustered.command("wait", "--only", "model=bert"),
        env=clustered.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    for task in clustered.tasks():
        publish(clustered.store(), success(task))
    told, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert told.splitlines()[-1] == "4 cells: 4 done"


def test_wait_ends_when_the_rest_cannot_finish(clustered: ClusterLauncher) -> None:
    publish(clustered.store(), success(clustered.tasks()[0]))
    publish(clustered.store(), failure(clustered.tasks()[1]))
    done = clustered("wait", "--only", "model=bert,labels=2")
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == "2 cells: 1 done, 1 failed"


def test_wait_gives_up_when_its_time_is_over(clustered: ClusterLauncher) -> None:
    clustered("submit", "--yes", "--only", "model=bert,labels=2")
    done = clustered("wait", "--only", "model=bert,labels=2", "--timeout", "1s")
    assert done.returncode == 3
    assert "the time is over: 2 pending" in done.stderr


def test_logs_of_a_pod_that_is_gone_come_from_the_store(clustered: ClusterLauncher) -> None:
    publish(clustered.store(), progress(clustered.tasks()[0]))
    for kubeconfig in (clustered.kubeconfig, "/nonexistent/config"):
        assert "training starts" in clustered("logs", "bert-l2-n80-s0", KUBECONFIG=str(kubeconfig)).stdout


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        ((), {"LAUNCHER_IMAGE": ""}, ["LAUNCHER_IMAGE (or --image) is not set"]),
        (("--results-uri", "results"), {}, ["RESULTS_URI=", "folder inside each pod", "s3://"]),
        (("--max-cells", "19"), {}, ["20 cells", "--max-cells 19"]),
        ((), {"LAUNCHER_MAX_CELLS": "19"}, ["20 cells", "LAUNCHER_MAX_CELLS=19"]),
        (("--max-gpu-hours", "0.1", "--gpus", "8"), {}, ["20 cells", "--max-gpu-hours 0.1"]),
        (("--namespace", "No"), {}, ["--namespace=No"]),
        (("--context", "nosuch"), {}, ["kubeconfig", "nosuch", "--context"]),
        ((), {"KUBECONFIG": "/nonexistent/config"}, ["kubeconfig", "KUBECONFIG"]),
        ((), {"LAUNCHER_OWNER": "a b"}, ["LAUNCHER_OWNER", "a b"]),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    clustered: ClusterLauncher, options: tuple[str, ...], environment: dict[str, str], words: list[str]
) -> None:
    done = clustered("submit", "--yes", *options, **environment)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("launcher: error:"), done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in last
    assert not clustered.jobs()


def test_a_tag_is_resolved_once_and_every_job_of_the_run_carries_its_digest(clustered: ClusterLauncher) -> None:
    """Also the Jobs of a later submit and of a retry, when the tag stands for something else."""
    with registry() as images:
        image, digest = f"{images.host}/team/trainer:v1", images.push("team/trainer", "v1", "first")
        first = clustered("submit", "--yes", "--only", "model=bert,labels=2", "--image", image)
        assert first.returncode == 0, first.stderr
        assert f"image {image} is {digest}\n" in first.stderr
        images.push("team/trainer", "v1", "second")
        clustered("submit", "--yes", "--only", "model=bert", LAUNCHER_IMAGE=image)
        publish(clustered.store(), failure(clustered.tasks()[4]))
        retried = clustered("retry", "--image", image)
        assert "as run twenty has recorded it" in retried.stderr
    jobs = clustered.jobs()
    assert len(jobs) == 5
    assert {job.metadata.annotations["emotion-grid/image"] for job in jobs} == {image}
    containers = [container for job in jobs for container in job.spec.template.spec.containers]
    assert {container.image for container in containers} == {f"{images.host}/team/trainer@{digest}"}


def test_a_job_with_another_image_is_kept_and_told(clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2,samples=80")
    clustered("submit", "--yes", *only)
    other = f"the-next-one@sha256:{'1' * 64}"
    again = clustered("submit", "--yes", *only, LAUNCHER_IMAGE=other)
    assert again.returncode == 0, again.stderr
    assert f"exists   twenty-bert-l2-n80-s0: with image {IMAGE}, not {other}: `cancel` it" in again.stderr
    clustered("cancel", "--yes", *only)
    clustered("submit", "--yes", *only, LAUNCHER_IMAGE=other)
    (job,) = clustered.jobs()
    assert job.spec.template.spec.containers[0].image == other


def test_an_image_that_only_the_nodes_have_runs_by_its_tag(clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2,samples=80")
    done = clustered("submit", "--yes", *only, LAUNCHER_IMAGE="127.0.0.1:9/trainer:dev")
    assert done.returncode == 0, done.stderr
    assert "warning: 127.0.0.1:9/trainer:dev is not resolved to a digest (127.0.0.1:9 does not answer" in done.stderr
    (job,) = clustered.jobs()
    assert job.spec.template.spec.containers[0].image == "127.0.0.1:9/trainer:dev"


def test_an_image_that_its_registry_lacks_makes_nothing(clustered: ClusterLauncher) -> None:
    with registry() as images:
        done = clustered("submit", "--yes", "--image", f"{images.host}/team/trainer:v1")
    assert done.returncode == 2
    assert f"no image {images.host}/team/trainer:v1" in done.stderr.splitlines()[-1]
    assert not clustered.jobs()
    assert not list(clustered.store().list(""))


def test_a_dry_run_shows_the_digest_and_records_nothing(clustered: ClusterLauncher) -> None:
    with registry() as images:
        digest = images.push("team/trainer", "v1", "x")
        for store in (clustered.uri, "s3://no-such-bucket-anywhere/study"):
            done = clustered("submit", "--dry-run", "--image", f"{images.host}/team/trainer:v1", "--results-uri", store)
            assert done.stdout.count(f"image: {images.host}/team/trainer@{digest}") == 20
    assert not list(clustered.store().list(""))


def test_a_server_dry_run_tells_what_a_submit_would_meet_and_makes_nothing(clustered: ClusterLauncher) -> None:
    bert = ("--only", "model=bert,samples=80")
    clustered("submit", "--yes", "--only", "model=bert,samples=80,labels=2")
    clustered("submit", "--yes", "--only", "model=bert,samples=80,labels=4", LAUNCHER_OWNER="else")
    stored, jobs = list(clustered.store().list("")), len(clustered.jobs())
    done = clustered("submit", "--server-dry-run", *bert, "--only", "model=gpt2-xl,samples=80,labels=2")
    assert done.returncode == 2
    assert [line.partition("twenty-")[0].strip() for line in done.stdout.splitlines()[1:]] == [
        "exists",
        "conflict",
        "would be created",
    ]
    assert "owner else, not somebody" in done.stdout
    assert done.stderr == (f"launcher: error: 1 of 3 Jobs would be refused in namespace {clustered.namespace}\n")
    assert (list(clustered.store().list("")), len(clustered.jobs())) == (stored, jobs)


def test_a_server_dry_run_of_a_new_run_is_for_machines_too(clustered: ClusterLauncher) -> None:
    document = clustered.json("submit", "--server-dry-run")
    assert {job["outcome"] for job in document["jobs"]} == {"would be created"}
    assert [job["cell"] for job in document["jobs"]] == [task.cell.id for task in clustered.tasks()]
    assert not clustered.jobs()
    assert not list(clustered.store().list(""))


def test_a_server_dry_run_into_a_namespace_that_is_not_there_says_so_once(clustered: ClusterLauncher) -> None:
    clustered.kubeconfig = clustered.cluster.kubeconfig
    done = clustered("submit", "--server-dry-run", "--namespace", "nosuch")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "no namespace nosuch at " in done.stderr


def test_a_server_dry_run_gives_the_words_of_an_admission_policy(clustered: ClusterLauncher) -> None:
    with refusal_of_jobs(clustered, "object.metadata.labels['emotion-grid/model'] != 'bert'", "no bert in here"):
        until(lambda: clustered("submit", "--server-dry-run").returncode == 2, "the policy to be enforced")
        told = clustered.json("submit", "--server-dry-run")["jobs"]
    refused = {job["cell"]: job["detail"] for job in told if job["outcome"] == "refused"}
    assert set(refused) == {task.cell.id for task in clustered.tasks() if task.cell.model == "bert"}
    assert all("no bert in here" in words for words in refused.values())
    assert len({job["outcome"] for job in told}) == 2


@contextmanager
def refusal_of_jobs(clustered: ClusterLauncher, expression: str, words: str) -> Iterator[None]:
    """A policy of the cluster's that only the launcher's namespace is bound to."""
    name = f"{clustered.namespace}.test"
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": clustered.namespace}}}
    policy = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": expression, "message": words}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    admission = client.AdmissionregistrationV1Api(clustered.cluster.api)
    admission.create_validating_admission_policy({"metadata": {"name": name}, "spec": policy})
    admission.create_validating_admission_policy_binding({"metadata": {"name": name}, "spec": binding})
    try:
        yield
    finally:
        admission.delete_validating_admission_policy_binding(name)
        admission.delete_validating_admission_policy(name)
