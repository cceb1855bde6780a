"""`doctor` finds what is missing, says the remedy, and does not ask for rights that submitting does not need."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from launcher.command_line.job_options import JobOptions
from launcher.jobs.manifest import load_template
from launcher.jobs.nodes import GPU, read_node
from launcher.preflight.checks import Verdict, gpu_check
from launcher.preflight.doctor import image_check
from launcher.servers.permissions import needed_permissions
from tests.launcher.program import Launcher
from tests.launcher.registry import registry
from tests.launcher.serving import serving


def local(launcher: Launcher, **environment: str) -> tuple[int, dict[str, str]]:
    """Exit code, and what is said by `verdict name`."""
    done = subprocess.run(
        launcher.command("doctor", "--backend", "local", "--json"),
        env=launcher.environment() | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.returncode, said(json.loads(done.stdout))


def said(document: Any) -> dict[str, str]:
    return {f"{check['verdict']} {check['check']}": check["detail"] for check in document["checks"]}


def test_a_machine_that_can_run_cells(launcher: Launcher):
    code, told = local(launcher, CUDA_VISIBLE_DEVICES="0,3")
    assert (code, list(told)) == (0, ["ok trainer", "ok store", "ok GPUs"])
    assert told["ok GPUs"].startswith("2 in sight")
    assert "none in sight" in local(launcher, CUDA_VISIBLE_DEVICES="")[1]["ok GPUs"]


def test_a_machine_that_cannot(launcher: Launcher):
    launcher.results.write_text("a file in the way")
    code, told = local(launcher, LAUNCHER_TRAINER_COMMAND="/nonexistent/python -m trainer")
    assert (code, list(told)) == (3, ["FAIL trainer", "FAIL store", "ok GPUs"])
    assert "no such program; give one that starts a trainer" in told["FAIL trainer"]
    assert "is not writable" in told["FAIL store"]


def test_a_line_a_check_for_people(launcher: Launcher):
    done = launcher("doctor", "--backend", "local")
    *lines, last = done.stdout.splitlines()
    assert [line.split(":")[0].split() for line in lines] == [["ok", "trainer"], ["ok", "store"], ["ok", "GPUs"]]
    assert last == "3 checks: 3 ok, 0 FAIL, 0 not verified"


def test_a_store_that_does_not_answer_is_asked_once(launcher: Launcher):
    """A submit asks six times; nobody wants to wait half a minute for a diagnosis."""
    with broken_server() as (url, requests):
        launcher.results = "s3://bucket/study"
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
        code, told = local(launcher, AWS_ENDPOINT_URL=url, **keys)
    assert (code, len(requests)) == (3, 1)
    assert "s3://bucket/study" in told["FAIL store"]


@contextmanager
def broken_server() -> Iterator[tuple[str, list[str]]]:
    requests: list[str] = []

    class Broken(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            requests.append(self.path)
            self.send_error(503)

    with serving(Broken) as place:
        yield f"http://{place}", requests


@pytest.mark.parametrize(
    ("image", "verdict", "words"),
    [
        ("", Verdict.FAIL, "set LAUNCHER_IMAGE or give --image"),
        ("trainer@sha256:...", Verdict.FAIL, "'trainer@sha256:...' is no image"),
        (f"127.0.0.1:9/trainer@sha256:{'0' * 64}", Verdict.UNKNOWN, "127.0.0.1:9 does not answer"),
        ("127.0.0.1:9/trainer:dev", Verdict.UNKNOWN, "127.0.0.1:9 does not answer"),
    ],
)
def test_an_image_is_named_or_not(image: str, verdict: Verdict, words: str):
    check = image_check(image)
    assert check.verdict is verdict
    assert words in check.detail


@pytest.mark.parametrize("by_digest", [False, True])
def test_a_tag_and_a_digest_are_looked_up(by_digest: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with registry() as elsewhere, registry() as images:
        digest = images.push("team/trainer", "v1", "x")
        wanted = f"team/trainer@{digest}" if by_digest else "team/trainer:v1"
        absent, there = (image_check(f"{host}/{wanted}") for host in (elsewhere.host, images.host))
    assert (absent.verdict, there.verdict) == (Verdict.FAIL, Verdict.OK)
    assert "push it, or mend --image" in absent.detail
    assert digest in there.detail
    assert absent.detail.startswith(f"{elsewhere.host} does not have {elsewhere.host}/{wanted}: ")


def test_an_amount_in_job_yaml_that_is_none_is_a_finding():
    template, options = load_template(), JobOptions(image="trainer:dev", owner="somebody")
    pod = template["spec"]["template"]["spec"]
    pod["containers"][0]["resources"]["requests"]["cpu"] = "four"
    node = {"metadata": {"name": "n", "labels": pod["nodeSelector"]}, "status": {"allocatable": {GPU: "1"}}}
    check = gpu_check([read_node(node)], template, options, None)
    assert (check.verdict, check.detail) == (Verdict.FAIL, "'four' is no amount of a resource: mend job.yaml")


def test_the_permissions_are_the_role_s():
    assert {(each.verb, each.group, each.resource) for each in needed_permissions()} >= {
        ("create", "batch", "jobs"),
        ("get", "", "pods/log"),
    }
