"""`prefetch`: what a grid needs copied, by Jobs without a GPU that alone may ask the hub, and by processes here."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import save

from contract.cell import MODELS
from contract.exits import BadInput
from contract.inputs import CORPUS, RECORD, CopiedFile, Copy
from contract.prefetch import Prefetch
from contract.survey import Done
from contract.task import Task
from launcher.cells.ends import Broken
from launcher.cells.view import Started, State, Stuck
from launcher.command_line.job_options import JobOptions
from launcher.jobs.manifest import OWNER_LABEL, job_manifest, load_template
from launcher.jobs.prefetch_job import prefetch_job, prefetch_name
from launcher.prefetch.on_cluster import Fetch
from launcher.prefetch.orders import orders_of, settings_of
from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends
from tests.factories import task
from tests.launcher.clustered import IMAGE, OWNER, ClusterLauncher
from tests.trainer.environment import clean_environment

PLACE = "s3://bucket/inputs"
OPTIONS = JobOptions(image=IMAGE, owner=OWNER)
GRID = """
name: {name}
models: [bert, minilm]
labels: [2]
samples: [80]
"""


def needing(model: str = "bert", weights: str = "hub", source: str = "hub") -> Task:
    cell = {"model": model, "labels": 2, "samples": 80}
    given = {"revision": "given"}
    return task(cell=cell, model={"weights": weights} | given, data={"source": source} | given)


class TestOrders:
    def test_one_a_model_and_one_for_the_corpus(self):
        tasks = [needing("bert"), needing("bert"), needing("gemma3", weights="/models")]
        assert orders_of(tasks, PLACE) == [
            Prefetch(input="bert", place=PLACE),
            Prefetch(input="gemma3", source="/models", place=PLACE),
            Prefetch(input=CORPUS, place=PLACE, four_bit=False),
        ]

    def test_what_is_generated_needs_no_copy(self):
        assert orders_of([needing(weights="random", source="synthetic")], PLACE) == []

    def test_two_sources_of_one_copy_are_refused(self):
        with pytest.raises(BadInput, match="bert is to come from /a and from /b"):
            orders_of([needing(weights="/a"), needing(weights="/b")], PLACE)

    def test_a_place_of_copies_is_no_source(self):
        with pytest.raises(BadInput, match=r"bert is to come from s3://bucket/in, .*--to"):
            orders_of([needing(weights="s3://bucket/in")], PLACE)

    def test_cells_with_the_settings_that_it_prints_use_the_copies(self):
        settings = settings_of(orders_of([needing("bert")], PLACE))
        assert settings == [f"bert:model.weights={PLACE}", f"data.source={PLACE}/{CORPUS}"]


class TestOrder:
    def test_the_environment_gives_it_back(self):
        order = Prefetch(input="qwen2.5", source="/models", place=PLACE, four_bit=False)
        assert Prefetch.from_env(order.to_env()) == order

    @pytest.mark.parametrize(
        ("environment", "words"),
        [
            ({}, "PREFETCH_INPUT is not set"),
            ({"PREFETCH_INPUT": "gpt9", "PREFETCH_PLACE": "/in"}, "unknown input 'gpt9'; known inputs: qwen2.5"),
            ({"PREFETCH_INPUT": "bert", "PREFETCH_PLACE": ""}, "PREFETCH_PLACE="),
        ],
    )
    def test_a_mistake_is_spelled_as_in_the_environment(self, environment: dict[str, str], words: str):
        with pytest.raises(BadInput, match=words):
            Prefetch.from_env(environment)


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    return dict(job["spec"]["template"]["spec"])


class TestJob:
    ORDER = Prefetch(input="qwen2.5", place=PLACE)

    @pytest.fixture
    def job(self) -> dict[str, Any]:
        return prefetch_job(self.ORDER, OPTIONS, load_template())

    def test_nothing_of_it_speaks_of_a_gpu(self, job: dict[str, Any]):
        assert "nvidia" not in json.dumps(job)
        (container,) = pod_of(job)["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]

    def test_it_alone_has_the_hub_s_secret_and_way(self, job: dict[str, Any]):
        cell = job_manifest(needing("qwen2.5"), "full", OPTIONS, load_template())
        assert "emotion-grid-hub" in json.dumps(job)
        assert "emotion-grid-hub" not in json.dumps(cell)
        for each, component in ((job, "prefetch"), (cell, "trainer")):
            for labels in (each["metadata"]["labels"], each["spec"]["template"]["metadata"]["labels"]):
                assert labels["app.kubernetes.io/component"] == component

    def test_what_brings_cells_to_their_node_and_program_is_left_out(self):
        template = load_template()
        pod = pod_of(template)
        pod["runtimeClassName"], pod["affinity"] = "nvidia", {"nodeAffinity": {}}
        pod["containers"][0]["args"] = ["-m", "trainer"]
        made = pod_of(prefetch_job(self.ORDER, OPTIONS, template | {"spec": {"template": {"spec": pod}}}))
        assert {"runtimeClassName", "affinity"}.isdisjoint(made)
        assert "args" not in made["containers"][0]

    def test_another_order_or_owner_is_another_job(self, job: dict[str, Any]):
        names = {
            prefetch_name(Prefetch(input=name, source=source, place=place), owner)
            for name in (*MODELS, CORPUS)
            for source in ("hub", "/models")
            for place in (PLACE, "/inputs")
            for owner in ("anna", "bob")
        }
        assert len(names) == 7 * 2 * 2 * 2
        assert job["metadata"]["labels"][OWNER_LABEL] == OWNER

    def test_it_carries_the_needs_of_its_model(self):
        options = JobOptions(image=IMAGE, owner=OWNER, per_model={"qwen2.5": {"memory": "2Gi"}})
        (container,) = pod_of(prefetch_job(self.ORDER, options, load_template()))["containers"]
        assert container["resources"]["limits"]["memory"] == "2Gi"


@pytest.mark.parametrize(
    ("weights", "source", "offline"),
    [("hub", "synthetic", False), (PLACE, "hub", False), (PLACE, f"{PLACE}/{CORPUS}", True), ("/w", "/c", True)],
)
def test_cells_that_need_no_hub_are_kept_from_it(weights: str, source: str, offline: bool):
    job = job_manifest(needing(weights=weights, source=source), "full", OPTIONS, load_template())
    (container,) = pod_of(job)["containers"]
    assert ({"name": "HF_HUB_OFFLINE", "value": "1"} in container["env"]) == offline


def command(folder: Path, *options: str) -> list[str]:
    (folder / "grid.yaml").write_text(GRID.format(name="two"))
    start = [sys.executable, "-m", "launcher", "prefetch", "--backend", "local", "--grid", str(folder / "grid.yaml")]
    start += ["--no-four-bit", "--results-uri", str(folder / "results"), "--set", "data.source=synthetic"]
    return [*start, *options]


def local(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    started = command(folder, "--set", f"model.weights={folder / 'weights'}", *options)
    with clean_environment({}):
        return subprocess.run(started, env=dict(os.environ), capture_output=True, text=True, timeout=120)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of bert, and none of minilm."""
    folder = tmp_path / "weights" / "bert"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(save({"x": np.zeros(10, np.float32)}))
    return tmp_path


def test_here_it_fills_a_folder_and_says_how_to_use_it(weights: Path):
    done = local(weights, "--only", "model=bert")
    assert done.returncode == 0, done.stderr
    assert f"--set bert:model.weights={weights / 'results' / 'inputs'}" in done.stdout
    assert (weights / "results" / "inputs" / "bert" / RECORD).exists()


def test_one_that_cannot_be_copied_does_not_keep_the_others_from_it(weights: Path):
    done = local(weights, "--to", str(weights / "to"), "--json")
    assert done.returncode == 3
    assert f"no weights at {weights}/weights/minilm" in done.stderr
    assert "Traceback" not in done.stderr
    assert {each["input"]: each["done"] for each in json.loads(done.stdout)["inputs"]} == {
        "bert": True,
        "minilm": False,
    }


def test_a_dry_run_copies_nothing(weights: Path):
    done = local(weights, "--dry-run")
    assert done.returncode == 0
    assert f"copy  bert  from {weights}/weights to {weights}/results/inputs/bert" in done.stdout
    assert not (weights / "results" / "inputs").exists()


def test_nothing_to_copy_is_json_too(tmp_path: Path):
    done = local(tmp_path, "--set", "model.weights=random", "--set", "data.source=synthetic", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"inputs": [], "settings": []})
    assert "nothing to copy" in done.stderr


def test_the_place_may_be_a_uri_of_a_folder(weights: Path):
    done = local(weights, "--only", "model=bert", "--to", f"file://{weights}/a%20place")
    assert done.returncode == 0, done.stderr
    assert (weights / "a place" / "bert" / RECORD).exists()
    assert f"--set bert:model.weights={weights}/a place" in done.stdout


@pytest.mark.parametrize("place", ["gs://bucket/inputs", "s3://", ""])
def test_another_place_is_refused_in_one_line(weights: Path, place: str):
    done = local(weights, "--to", place, "--dry-run")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"--to={place!r} is neither a folder nor" in line


def test_ctrl_c_ends_the_copying_too(tmp_path: Path):
    started = command(tmp_path, "--only", "model=bert", "--to", str(tmp_path / "in"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub = {"HF_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}", "NO_PROXY": "*"}
        with (
            clean_environment(hub),
            subprocess.Popen(
                started,
                env=dict(os.environ),
                stderr=subprocess.PIPE,
                text=True,
                # A shell starts its background jobs, such as a run of these tests, with SIGINT ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            ) as process,
        ):
            silent.settimeout(300)
            with silent.accept()[0]:
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped by SIGTERM" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            Broken("OOMKilled", "it needs more memory", retriable=False),
            "OOMKilled: it needs more memory (a retry would",
        ),
        (Stuck("node a does not answer"), "node a does not answer; "),
        (Started(), "model.safetensors is being copied"),
        (Done(), "model.safetensors is being copied"),
    ],
)
def test_the_cluster_s_word_comes_before_the_log_s(state: State, words: str):
    """A pod whose kernel or kubelet ended it could not say so in its log."""
    told = Fetch(TestJob.ORDER, state, "model.safetensors is being copied").words
    assert told.startswith(words)
    assert told.endswith("model.safetensors is being copied")


class TestOnCluster:
    """kwok plays the pods; what they would copy is put there by the test."""

    @pytest.fixture
    def hub_grid(self, clustered: ClusterLauncher) -> tuple[str, str]:
        file = clustered.grid_file.with_name("hub.yaml")
        file.write_text(GRID.format(name="hub"))
        return "--grid", str(file)

    @pytest.fixture
    def cpu_node(self, cluster: Cluster) -> Iterator[str]:
        """Neither label nor taint of it speaks of a GPU."""
        with cluster.gpu_nodes(1) as (node,):
            plain = {"metadata": {"labels": {"nvidia.com/gpu.present": None}}, "spec": {"taints": None}}
            cluster.core.patch_node(node, plain)
            yield node

    @staticmethod
    def copied(clustered: ClusterLauncher, *names: str) -> None:
        copy = Copy(revision="hub:x", files={"x": CopiedFile(bytes=1, sha256="0" * 64)})
        for name in names:
            clustered.store().publish(f"inputs/{name}/{RECORD}", copy.model_dump_json().encode())

    def test_jobs_run_on_any_node_and_are_awaited(
        self, cpu_node: str, clustered: ClusterLauncher, hub_grid: tuple[str, str]
    ) -> None:
        self.copied(clustered, "bert", "minilm", CORPUS)
        first = clustered("prefetch", *hub_grid, *clustered.template(ends(0)))
        before = {job.metadata.uid for job in clustered.jobs()}
        again = clustered("prefetch", *hub_grid, *clustered.template(ends(0)))
        assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
        assert "3 inputs: 3 there, 0 not" in first.stdout
        assert f"--set bert:model.weights={clustered.uri}/inputs" in first.stdout
        assert len(before) == 3
        assert not before & {job.metadata.uid for job in clustered.jobs()}  # what is there is looked at anew

    @pytest.mark.parametrize(
        ("ending", "words"),
        [(ends(0), "no-result"), (ends(2), "bad-input")],
        ids=["complete, and nothing is there", "refused"],
    )
    def test_one_that_failed_is_told(
        self, cpu_node: str, clustered: ClusterLauncher, hub_grid: tuple[str, str], ending: dict[str, str], words: str
    ) -> None:
        self.copied(clustered, CORPUS)
        done = clustered("prefetch", *hub_grid, "--only", "model=bert", *clustered.template(ending))
        assert done.returncode == 3
        assert f"failed    bert: {words}" in done.stderr
        assert "minilm" not in done.stderr

    def test_one_with_another_image_is_made_anew(self, clustered: ClusterLauncher, hub_grid: tuple[str, str]) -> None:
        image = f"another@sha256:{'1' * 64}"
        for more in ((), ("--image", image)):
            done = clustered("prefetch", *hub_grid, "--only", "model=bert", "--timeout", "1s", *more)
            assert done.returncode == 3, done.stderr
        assert {job.spec.template.spec.containers[0].image for job in clustered.jobs()} == {image}

    def test_one_that_waits_says_why_until_the_time_is_over(
        self, clustered: ClusterLauncher, hub_grid: tuple[str, str]
    ) -> None:
        done = clustered("prefetch", *hub_grid, "--timeout", "4s")
        assert done.returncode == 3
        assert "pending   bert: " in done.stderr
        assert "the Jobs go on" in done.stderr
        assert len(clustered.jobs()) == 3

    def test_a_cell_without_its_weights_gets_no_job(self, clustered: ClusterLauncher) -> None:
        self.copied(clustered, "bert")
        place = f"{clustered.uri}/inputs"
        for verb in ("plan", "submit"):
            options = () if verb == "plan" else ("--yes",)
            done = clustered(verb, *options, "--set", f"model.weights={place}")
            assert done.returncode == 2
            for name in ("gemma3", "gpt2-xl", "llama3.2", "qwen2.5"):
                assert f"{place}/{name}" in done.stderr
            assert f"{place}/bert" not in done.stderr
            assert "launcher prefetch" in done.stderr
        assert clustered.posts() == 0

    def test_a_dry_run_makes_nothing(self, clustered: ClusterLauncher, hub_grid: tuple[str, str]) -> None:
        done = clustered("prefetch", *hub_grid, "--dry-run")
        kinds = [job["metadata"]["labels"]["app.kubernetes.io/component"] for job in yaml.safe_load_all(done.stdout)]
        assert kinds == ["prefetch"] * 3
        assert clustered.posts() == 0

    def test_a_folder_of_the_pods_needs_a_volume(self, clustered: ClusterLauncher, hub_grid: tuple[str, str]) -> None:
        done = clustered("prefetch", *hub_grid, "--to", "/inputs")
        assert done.returncode == 2
        assert "/inputs would be a folder inside each pod" in done.stderr
