"""`python -m trainer` as a scheduler runs it: environment in, one result and an exit code out."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aggregator.reading.predictions import Answers, read_predictions
from contract.folder import DirStore
from contract.opening import open_store
from contract.result import Failure, Progress, decode
from tests.trainer.program import await_event, documents, environment, only, result_of, run, running

IMAGE = f"registry.example/trainer@sha256:{'0' * 64}"
ENDLESS = {"HYPER_EPOCHS": "500", "HYPER_EARLY_STOPPING_PATIENCE": "10000"}
"""Until a signal comes."""
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory):
    """One cell that ran to its end, and what it said."""
    results = tmp_path_factory.mktemp("finished")
    done = run(results, LOG_FORMAT="json", IMAGE=IMAGE, RESULTS_UNSAFE="1")
    assert done.returncode == 0, done.stdout + done.stderr
    return DirStore(results), done


def test_one_result_that_vouches_for_its_artifacts(finished):
    store, _ = finished
    success = result_of(store)
    assert (success.cell.id, success.status) == ("bert-l2-n80-s0", "success")
    assert success.random_weights
    assert success.synthetic_data
    assert set(success.artifacts) == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "losses.csv",
        "predictions.csv",
        "log.txt",
    }
    for artifact in success.artifacts.values():
        data = store.get(artifact.key)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (artifact.bytes, artifact.sha256)


def test_a_log_that_cannot_be_written_ends_no_training(tmp_path: Path):
    """On a full disk, or into a pipe whose reader went away; the store has the log."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "trainer"]
        done = subprocess.run(command, env=environment(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, "Traceback" in done.stderr, "Exception" in done.stderr) == (0, False, False), done.stderr
    store = DirStore(tmp_path)
    log = store.get(result_of(store).artifacts["log.txt"].key).decode()
    assert log.count('stdout-not-written reason="No space left on device"') == 1
    assert log.splitlines()[-1].split()[1] == "scored"


def test_the_result_is_complete_enough_to_judge_it(finished):
    success = result_of(finished[0])
    assert [e.step for e in success.history] == [3, 6, 9, 12, 15, 18]
    assert success.splits.train.comments == 72
    assert success.splits.validation.comments == 8
    assert success.test.per_label[0].support == success.splits.test.comments // 2
    assert sum(map(sum, success.test.confusion)) == success.splits.test.comments
    assert set(success.seconds) == {"data", "imports", "model", "training", "test", "publish"}
    assert 0 < success.start_up_seconds < 300
    assert success.training.peak_memory_bytes > 10**8
    assert (success.provenance.threads, success.provenance.image) == (1, IMAGE)
    assert {"torch", "transformers", "peft", "bitsandbytes"} <= set(success.provenance.versions)
    assert success.fingerprint_fields["hyper.lora_r"] == 16


def test_predictions_agree_with_the_metrics(finished):
    store, _ = finished
    success = result_of(store)
    header, *rows = store.get(success.artifacts["predictions.csv"].key).decode().splitlines()
    assert header == "id,true,predicted,p_admiration,p_gratitude"
    right = sum(row.split(",")[1] == row.split(",")[2] for row in rows)
    assert right / len(rows) == pytest.approx(success.test.accuracy)
    (answers,) = read_predictions([success], store).values()
    assert isinstance(answers, Answers)
    assert answers.right.sum() == right


def test_a_folder_publishes_once_whatever_was_allowed_to_a_bucket(finished):
    assert not result_of(finished[0]).unsafe_store


def test_json_log_is_an_event_a_line(finished):
    _, done = finished
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [event["event"] for event in events]
    story = ["cell-starts", "data-ready", "model-ready", "first-step", "evaluation", "trained", "scored", "published"]
    assert [name for name in dict.fromkeys(names) if name in story] == story
    evaluation = next(event for event in reversed(events) if event["event"] == "evaluation")
    assert {"step", "planned", "loss", "accuracy", "f1", "steps_per_second", "eta_seconds"} <= set(evaluation)
    assert done.stderr == "", "libraries must not talk over the cell"


def test_a_finished_cell_is_not_trained_again(finished):
    store, _ = finished
    before = list(store.list(""))
    again = run(store.root)
    assert again.returncode == 0
    assert "already-published" in again.stdout
    assert list(store.list("")) == before


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: data.replace(b"0.5", b"0.9")])
def test_a_damaged_result_is_neither_believed_nor_overwritten(finished, tmp_path: Path, damage):
    store, _ = finished
    key = only(list(store.list("results/")))
    damaged = damage(store.get(key))
    DirStore(tmp_path).put(key, damaged)
    done = run(tmp_path)
    assert done.returncode == 2
    assert f"{key} in {tmp_path} cannot be trusted" in done.stderr
    assert "delete it, then submit again" in done.stderr
    assert DirStore(tmp_path).get(key) == damaged


def test_a_bucket_gets_the_same_result_as_a_folder(finished, minio, bucket, monkeypatch):
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    done = run(f"s3://{bucket}/study")
    assert done.returncode == 0, done.stdout + done.stderr
    store = open_store(f"s3://{bucket}/study")
    success, beside = result_of(store), result_of(finished[0])
    assert (success.history, success.test, success.fingerprint) == (beside.history, beside.test, beside.fingerprint)
    for artifact in success.artifacts.values():
        assert hashlib.sha256(store.get(artifact.key)).hexdigest() == artifact.sha256


def test_sigterm_leaves_a_failure_its_progress_and_no_result(tmp_path: Path):
    with running(tmp_path, LOG_PROGRESS_SECONDS="0.2", **ENDLESS) as process:
        await_event(process, "evaluation")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    store = DirStore(tmp_path)
    assert process.returncode == 15
    assert list(store.list("results/")) == []
    failure = decode(store.get(only(documents(store, "failure.json"))), Failure)
    assert (failure.error, failure.exit_code) == ("preempted", 15)
    assert f"checkpoint at step {failure.last_step} saved" in failure.message
    progress = decode(store.get(only(documents(store, "progress.json"))), Progress)
    assert progress.step >= failure.last_step > 0
    assert any("evaluation" in line for line in progress.log_tail)


def test_a_killed_cell_leaves_what_it_last_did(tmp_path: Path):
    with running(tmp_path, LOG_PROGRESS_SECONDS="0.2", **ENDLESS) as process:
        await_event(process, "evaluation")
        time.sleep(1)
    store = DirStore(tmp_path)
    assert list(store.list("results/")) == []
    progress = decode(store.get(only(documents(store, "progress.json"))), Progress)
    assert progress.phase == "training"
    assert progress.planned_steps == 9000


def test_a_diverging_loss_is_a_failure_of_its_own(tmp_path: Path):
    done = run(tmp_path, HYPER_LEARNING_RATE="1e30", HYPER_MAX_GRAD_NORM="1e30", HYPER_WARMUP_RATIO="0")
    assert done.returncode == 10, done.stdout + done.stderr
    store = DirStore(tmp_path)
    assert list(store.list("results/")) == []
    failure = decode(store.get(only(documents(store, "failure.json"))), Failure)
    assert failure.error == "non-finite-loss"


def may_mount() -> bool:
    """Whether this user may mount a file system in a namespace of its own."""
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


needs_mount = pytest.mark.skipif(
    not may_mount(), reason="needs user namespaces to mount a full disk: sysctl or container forbid it"
)


def run_on_a_small_disk(mounted: Path, results: Path, size: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """A trainer for which `mounted` is a file system in memory; what lies there in the end comes after its log."""
    mount = f"mount -t tmpfs -o size={size} none {mounted}"
    script = f"{mount} && {sys.executable} -m trainer; code=$?; ls -R {mounted}; exit $code"
    environ = environment(results, **changes)
    return subprocess.run([*NAMESPACE, "sh", "-c", script], env=environ, capture_output=True, text=True, timeout=300)


@needs_mount
def test_a_full_local_disk_is_told_in_a_line(tmp_path: Path):
    small, results = tmp_path / "small", tmp_path / "results"
    small.mkdir()
    done = run_on_a_small_disk(small, results, "200k", TMPDIR=str(small))
    assert done.returncode == 16, done.stdout + done.stderr
    assert "traceback" not in done.stdout
    failure = decode(DirStore(results).get(only(documents(DirStore(results), "failure.json"))), Failure)
    assert failure.error == "disk-failed"
    assert failure.message.startswith("cannot write to the local disk: ")
    assert "No space left on device" in failure.message
    assert "TMPDIR" in failure.message
    assert "\n" not in failure.message


@needs_mount
def test_a_full_disk_while_publishing(tmp_path: Path):
    """The store has room for the progress object and not for the adapter."""
    done = run_on_a_small_disk(tmp_path, tmp_path, "80k")
    assert done.returncode == 12, done.stdout + done.stderr
    assert "No space left" in done.stdout
    assert "store-failed" in done.stdout
    assert "results:" not in done.stdout
