"""From a task to its Job, without a cluster; tests/k8s/ shows the Job to a real one."""

import os
import re
import subprocess
import sys
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.cell import MODELS, Cell
from contract.exits import EXIT_CODES, OK, BadInput
from contract.explain import one_line
from contract.grid import RUN_NAME
from contract.task import Checkpoint, Task
from launcher.command_line.job_options import JobOptions
from launcher.jobs.manifest import CONTAINER, FINGERPRINT_ANNOTATION, job_manifest, job_name, load_template
from tests.contract.strategies import cells, tasks
from tests.factories import task
from tests.trainer.environment import clean_environment
from trainer.settings import task_from_environment

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = load_template()
OPTIONS = JobOptions(image="emotion-grid-trainer:dev", owner="somebody")
DIGEST = f"sha256:{'0' * 64}"
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")

runs = st.from_regex(RUN_NAME, fullmatch=True)


def manifest(of: Task | None = None, run: str = "full", **options: Any) -> dict[str, Any]:
    return job_manifest(of or task(), run, JobOptions.model_validate(OPTIONS.model_dump() | options), TEMPLATE)


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["template"]["spec"]


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod_of(job)["containers"]
    return container


def environment_of(job: dict[str, Any]) -> dict[str, str]:
    """As the container sees it: Kubernetes makes one dollar of two."""
    return {entry["name"]: entry["value"].replace("$$", "$") for entry in container_of(job)["env"]}


@given(runs, cells, runs, cells)
def test_names_are_dns_labels_and_distinct(run: str, cell: Cell, other_run: str, other_cell: Cell):
    name, other = job_name(run, cell), job_name(other_run, other_cell)
    assert DNS_LABEL.fullmatch(name)
    assert (name == other) == ((run, cell) == (other_run, other_cell))


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{28}[a-z0-9]", fullmatch=True), st.integers(0, 2**32 - 1))
def test_names_near_the_limit_are_distinct_whether_cut_or_not(run: str, seed: int):
    cell = Cell(model="llama3.2", labels=16, samples=1600, seed=seed)
    longer = cell.model_copy(update={"samples": 10**6})
    names = {job_name(each, of) for each in (run, f"{run}-a") for of in (cell, longer)}
    assert len(names) == 4
    assert all(DNS_LABEL.fullmatch(name) for name in names)


def test_a_run_s_name_cannot_swallow_the_beginning_of_a_model_s():
    """`a` with `b-c` and `a-b` with `c` would give one name."""
    slugs = {Cell(model=name, labels=2, samples=800).id.rpartition("-l2-")[0] for name in MODELS}
    assert len(slugs) == len(MODELS)
    assert not [(one, other) for one in slugs for other in slugs if one.endswith(f"-{other}")]


def test_names_that_fit_are_readable():
    cell = Cell(model="qwen2.5", labels=16, samples=2400)
    assert job_name("full", cell) == "full-qwen2-5-l16-n2400-s0"
    assert re.fullmatch(r"a{40}-qwen2-5-l-[0-9a-f]{12}", job_name("a" * 40, cell.model_copy(update={"seed": 2**31})))


@given(tasks(), runs)
def test_the_trainer_reads_the_job_s_environment_as_the_same_task(asked: Task, run: str):
    with clean_environment(environment_of(manifest(asked, run))):
        assert task_from_environment(os.environ) == asked


def test_dollars_of_a_setting_are_no_references():
    asked = task("s3://results/$(HOME)/$$/a$")
    job = manifest(asked)
    assert environment_of(job)["RESULTS_URI"] == asked.results.uri
    assert "$(" not in re.sub(r"\$\$", "", str(container_of(job)["env"]))


def test_a_setting_of_the_template_gives_way_to_the_task_s():
    template = deepcopy(TEMPLATE)
    container_of(template)["env"].append({"name": "HYPER_EPOCHS", "value": "99"})
    job = job_manifest(task(), "full", OPTIONS, template)
    assert [entry["value"] for entry in container_of(job)["env"] if entry["name"] == "HYPER_EPOCHS"] == ["5"]


@given(tasks(), runs)
def test_labels_and_fingerprint_are_the_cell_s(asked: Task, run: str):
    job = manifest(asked, run)
    labels = job["metadata"]["labels"]
    assert labels == job["spec"]["template"]["metadata"]["labels"]
    assert all(LABEL_VALUE.fullmatch(value) for value in labels.values())
    own = {name.partition("/")[2]: value for name, value in labels.items() if name.startswith("emotion-grid/")}
    coordinates = {name: str(value) for name, value in asked.cell.model_dump().items()}
    assert own == {"run": run, "cell": asked.cell.id, "owner": "somebody", **coordinates}
    assert job["metadata"]["annotations"][FINGERPRINT_ANNOTATION] == asked.fingerprint()


def test_registered_models_are_label_values():
    assert all(LABEL_VALUE.fullmatch(name) for name in MODELS)


def test_the_template_s_exit_codes_are_those_that_no_retry_can_mend():
    first, *others = TEMPLATE["spec"]["podFailurePolicy"]["rules"]
    assert first == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    final = sorted(code.number for code in EXIT_CODES.values() if not code.retriable and code is not OK)
    on_codes = {"containerName": CONTAINER, "operator": "In", "values": final}
    assert others == [{"action": "FailJob", "onExitCodes": on_codes}]


@pytest.mark.parametrize(
    "name", ["HOME", "TMPDIR", "XDG_CACHE_HOME", "HF_HOME", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"]
)
def test_libraries_write_to_a_bounded_volume(name: str):
    path = Path(environment_of(manifest())[name])
    mounts = {Path(mount["mountPath"]): mount["name"] for mount in container_of(TEMPLATE)["volumeMounts"]}
    volumes = {volume["name"]: volume["emptyDir"] for volume in pod_of(TEMPLATE)["volumes"]}
    (volume,) = [mounts[parent] for parent in (path, *path.parents) if parent in mounts]
    assert volumes[volume]["sizeLimit"]


def test_what_pod_security_does_not_ask_for():
    pod, container = pod_of(TEMPLATE), container_of(TEMPLATE)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsUser"] == 65532
    (shared,) = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == "/dev/shm"]
    assert {"name": shared, "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}} in pod["volumes"]
    assert pod["terminationGracePeriodSeconds"] >= Checkpoint().grace_seconds + 30, "for its failure, in a slow store"
    assert TEMPLATE["spec"]["ttlSecondsAfterFinished"]


def test_a_job_s_deadline_covers_the_queue_and_every_attempt():
    job = manifest(attempts=4, deadline_minutes=10, queue_allowance_minutes=60)
    assert job["spec"]["backoffLimit"] == 3
    assert pod_of(job)["activeDeadlineSeconds"] == 600
    assert job["spec"]["activeDeadlineSeconds"] == 3600 + 4 * 600


def test_options_reach_the_pod():
    job = manifest(
        image=f"emotion-grid-trainer@{DIGEST}",
        namespace="elsewhere",
        image_pull_secrets=["pull"],
        secrets=["store", "hub"],
        node_selector={"zone": "a", "gpu": "small"},
        per_model={"bert": {"memory": "8Gi", "ephemeral_storage": "4Gi", "node_selector": {"gpu": "tiny"}}},
    )
    container, resources = container_of(job), container_of(job)["resources"]
    assert container["image"] == f"emotion-grid-trainer@{DIGEST}"
    assert job["metadata"]["namespace"] == "elsewhere"
    assert pod_of(job)["imagePullSecrets"] == [{"name": "pull"}]
    assert container["envFrom"] == [{"secretRef": {"name": "store"}}, {"secretRef": {"name": "hub"}}]
    assert pod_of(job)["nodeSelector"] == {"nvidia.com/gpu.present": "true", "zone": "a", "gpu": "tiny"}
    assert resources["requests"] == {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "4Gi"}
    assert resources["limits"] == resources["requests"] | {"nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("image", "pulled", "tag"),
    [
        (f"a/b@{DIGEST}", f"a/b@{DIGEST}", None),
        (f"a/b:v1@{DIGEST}", f"a/b@{DIGEST}", "a/b:v1"),
        ("a/b:v1", "a/b:v1", "a/b:v1"),
    ],
)
def test_a_digest_is_what_runs_and_a_tag_is_remembered(image: str, pulled: str, tag: str | None):
    job = manifest(image=image)
    assert container_of(job)["image"] == environment_of(job)["IMAGE"] == pulled
    assert job["metadata"]["annotations"].get("emotion-grid/image") == tag


def test_needs_of_one_model_are_not_another_s():
    options = {"per_model": {"minilm": {"memory": "1Gi", "node_selector": {"gpu": "tiny"}}}}
    assert manifest(**options) == manifest()


def test_a_manifest_leaves_its_template_as_it_was():
    before = deepcopy(TEMPLATE)
    first, second = manifest(), manifest(run="other")
    assert before == TEMPLATE
    container_of(first)["env"].clear()
    assert container_of(second)["env"]
    assert before == TEMPLATE


def test_a_manifest_needs_resolved_revisions():
    content = task().model_dump() | {"data": {"source": "hub"}}
    with pytest.raises(ValueError, match="resolved"):
        manifest(Task.model_validate(content))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"owner": "a b"}, ["owner=a b"]),
        ({"owner": ""}, ["owner"]),
        ({"image": ""}, ["image"]),
        ({"image": "trainer@sha256:..."}, ["image", "'trainer@sha256:...' is no image", "64 hex digits"]),
        ({"namespace": "Team_A"}, ["namespace=Team_A"]),
        ({"secrets": ["A"]}, ["secrets", "A"]),
        ({"attempts": 0}, ["attempts=0"]),
        ({"deadline_minutes": 0}, ["deadline_minutes=0"]),
        ({"deadline_hours": 1}, ["deadline_hours", "deadline_minutes"]),
        ({"queue": "My Queue"}, ["queue=My Queue", "small letters"]),
        ({"priority": "urgent"}, ["urgent", "--queue or LAUNCHER_QUEUE"]),
        ({"per_model": {"gpt9": {}}}, ["gpt9", "known models"]),
        ({"per_model": {"bert": {"memory": "16GB"}}}, ["memory=16GB"]),
        ({"node_selector": {"gpu": "a b"}}, ["node_selector", "a b"]),
    ],
)
def test_bad_options_are_one_line_with_the_value(change: dict[str, Any], words: list[str]):
    with pytest.raises(ValidationError) as caught:
        manifest(**change)
    message = one_line(caught.value, JobOptions)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spec: {template: {spec: {containers: [{name: sidecar}, {name: main}]}}}", ["'trainer'", "sidecar, main"]),
        ("spec: {template: {spec: {containers: [{name: trainer}, {name: trainer}]}}}", ["one container 'trainer'"]),
        ("spec: {template: {spec: }}", ["'trainer'", "none"]),
        ("spec: {template: {spec: {containers: 3}}}", ["'trainer'", "none"]),
        ("just words", ["'trainer'", "none"]),
        ("", ["'trainer'", "none"]),
        ("spec: [", ["cannot read", "expected"]),
        ("\0", ["cannot read"]),
    ],
)
def test_a_template_without_the_container_is_refused_in_one_line(tmp_path: Path, text: str, words: list[str]):
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        load_template(path)
    assert "\n" not in str(caught.value)
    for word in [str(path), "check --template", *words]:
        assert word in str(caught.value)


def test_a_missing_template_is_named(tmp_path: Path):
    with pytest.raises(BadInput, match=r"cannot read .*nowhere\.yaml: No such file or directory; check --template"):
        load_template(tmp_path / "nowhere.yaml")


def test_without_a_queue_the_job_starts_by_itself_and_names_none():
    job = manifest()
    assert "suspend" not in job["spec"]
    assert not [name for name in job["metadata"]["labels"] if "kueue" in name]


def test_in_a_queue_the_job_is_suspended_and_only_the_job_names_it():
    """Kueue would take a pod with its labels for one to be queued by itself."""
    job = manifest(queue="cells", priority="urgent", attempts=2, deadline_minutes=60, queue_allowance_minutes=30)
    assert job["spec"]["suspend"] is True
    assert {name: value for name, value in job["metadata"]["labels"].items() if "kueue" in name} == {
        "kueue.x-k8s.io/queue-name": "cells",
        "kueue.x-k8s.io/priority-class": "urgent",
        "kueue.x-k8s.io/max-exec-time-seconds": "9000",
    }
    assert not [name for name in job["spec"]["template"]["metadata"]["labels"] if "kueue" in name]
    assert "kueue.x-k8s.io/priority-class" not in manifest(queue="cells")["metadata"]["labels"]


def test_an_installed_program_brings_its_template_and_its_role(tmp_path: Path):
    """Laid out as pyproject.toml lays out the wheel, with no k8s/ beside it."""
    wheel = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    packaged = {package: package for package in wheel["packages"]} | wheel["force-include"]
    for source, target in packaged.items():
        for file in [path for path in [REPOSITORY / source, *(REPOSITORY / source).rglob("*")] if path.is_file()]:
            copy = tmp_path / target / file.relative_to(REPOSITORY / source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    program = (
        "import launcher.jobs.manifest as m, launcher.servers.permissions as p;"
        "print(m.__file__, m.load_template() and p.needed_permissions(queue=True) and 'found')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [str(tmp_path / "launcher" / "jobs" / "manifest.py"), "found"]
