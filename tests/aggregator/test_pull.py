"""A folder that was pulled says what the store says, and is brought up to date by what is new alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aggregator.command_line.cli import main
from contract.keys import LOG, PREDICTIONS, RESULTS, attempt_key
from contract.opening import open_store
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import Desk
from tests.cluster.minio import Minio
from tests.contract.fronts import Answer, Forward, Front, Message, front_of


def pull(uri: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert main(["pull", "--results-uri", uri, "--out", str(folder), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_a_report_of_the_folder_is_that_of_the_store(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    desk.grid(models=["bert"], labels=[2, 4], samples=[800, 1600], seeds=[0, 1])
    study.fill(desk.store, desk.record())
    assert desk.report("--run", "small", grid=False) == 3
    there = desk.text("results.csv")
    pull(desk.store.uri, tmp_path / "copy", capsys)
    command = ["report", "--run", "small", "--results-uri", str(tmp_path / "copy"), "--out", str(desk.out)]
    assert main(command) == 3
    assert desk.text("results.csv") == there


def test_only_what_is_new_is_copied(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    first, second, third, *_ = desk.tasks
    study.fill(desk.store, [first, second], damage=False)
    copy = tmp_path / "copy"
    assert pull(desk.store.uri, copy, capsys)["copied"] == 4
    assert pull(desk.store.uri, copy, capsys) | {"from": "", "to": ""} == {
        "from": "",
        "to": "",
        "copied": 0,
        "bytes": 0,
        "unchanged": 4,
    }
    factories.publish(desk.store, factories.progress(third))
    assert pull(desk.store.uri, copy, capsys)["copied"] == 1
    factories.publish(desk.store, factories.progress(third))  # of the same size, perhaps
    assert pull(desk.store.uri, copy, capsys)["copied"] == 1


def test_a_result_comes_after_its_artifacts_and_adapters_stay(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    task = desk.tasks[0]
    study.fill(desk.store, [task], damage=False)
    for name in ("adapter_model.safetensors", LOG):
        desk.store.put(attempt_key(task.cell.id, task.fingerprint(), "a1", name), b"large")
    pull(desk.store.uri, tmp_path / "copy", capsys)
    entries = {entry.key: entry for entry in open_store(str(tmp_path / "copy")).entries("")}
    assert {key.rpartition("/")[2] for key in entries} == {PREDICTIONS, f"{task.fingerprint()}.json"}


def test_from_a_bucket(minio: Minio, bucket: str, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{bucket}/study"
    store = open_store(uri)
    tasks = study.tasks_of(study.study_grid().model_copy(update={"models": ("bert",)}), store)
    study.fill(store, tasks, damage=False)
    copy = open_store(str(tmp_path / "copy"))
    assert pull(uri, tmp_path / "copy", capsys)["copied"] == 2 * len(tasks)
    assert list(copy.list("")) == list(store.list(""))
    assert all(copy.get(key) == store.get(key) for key in store.list(RESULTS))
    assert pull(uri, tmp_path / "copy", capsys)["copied"] == 0


def test_a_folder_that_cannot_be_written_is_the_users_mistake(desk: Desk, capsys: pytest.CaptureFixture[str]):
    assert desk.run("pull", "--out", "/dev/null/copy") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert desk.run("pull", "--out", desk.store.uri) == 2
    assert "is the store itself" in capsys.readouterr().err


def listing(shown: bytes, lie: bytes) -> Front:
    """A bucket that lists one key under another name; MinIO itself takes no key with dots for a folder."""

    def front(message: Message, forward: Forward) -> Answer:
        answer = forward(message)
        return replace(answer, body=answer.body.replace(shown, lie)) if "list-type" in message.url else answer

    return front


@pytest.mark.parametrize("lie", ["results/../../x.json", "results/a/../../../x.json", "attempts/../../x.json"])
def test_a_key_that_would_leave_the_folder_is_refused(
    minio: Minio, bucket: str, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str], lie: str
):
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    key = f"{lie.partition('/')[0]}/a/1.json"
    open_store(f"s3://{bucket}").put(key, b"{}")
    with front_of(minio, listing(key.encode(), lie.encode())) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        assert main(["pull", "--results-uri", f"s3://{bucket}", "--out", str(tmp_path / "deep" / "copy")]) == 2
    told = capsys.readouterr().err
    assert repr(lie) in told
    assert told.count("\n") == 1
    assert not list(tmp_path.rglob("*.json"))


def test_two_dots_in_a_name_are_a_name(minio: Minio, bucket: str, tmp_path: Path, monkeypatch, capsys):
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    open_store(f"s3://{bucket}").put("results/a/..json", b"{}")
    assert pull(f"s3://{bucket}", tmp_path / "copy", capsys)["copied"] == 1
