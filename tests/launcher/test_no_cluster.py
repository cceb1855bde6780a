"""What the launcher says where there is no cluster to talk to. None of this needs one."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from launcher.servers.connection import without_credentials
from tests.launcher.program import Launcher
from tests.launcher.serving import serving

_QUIET = ("HTTP_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy", "KUBERNETES_SERVICE_HOST")


def run(launcher: Launcher, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """As a user who chose no backend."""
    kept = {name: value for name, value in launcher.environment().items() if name not in (*_QUIET, "LAUNCHER_BACKEND")}
    return subprocess.run(
        launcher.command(*options), env=kept | environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def kubeconfig(folder: Path, server: str) -> str:
    path = folder / "kubeconfig"
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    document = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [context],
        "current-context": "c",
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


def test_without_a_kubeconfig_the_way_to_run_on_this_machine_is_named(launcher: Launcher) -> None:
    waited = run(launcher, "wait", KUBECONFIG="/nonexistent/config")
    assert waited.returncode == 2
    assert len(waited.stderr.splitlines()) == 1
    assert "no usable kubeconfig" in waited.stderr
    assert ".;" not in waited.stderr
    assert "--backend local" in waited.stderr


def test_a_timeout_is_refused_where_nothing_is_awaited(launcher: Launcher) -> None:
    done = run(launcher, "submit", "--yes", "--timeout", "12h")
    assert (done.returncode, done.stderr) == (2, "launcher: error: --timeout ends the waiting for Jobs: add --wait\n")


@pytest.mark.parametrize(
    ("options", "environment", "named"),
    [
        (("--max-cells", "3"), {}, "--max-cells 3"),
        ((), {"LAUNCHER_MAX_CELLS": "3"}, "LAUNCHER_MAX_CELLS=3"),
    ],
)
def test_a_plan_says_that_its_jobs_would_be_too_many(
    launcher: Launcher, options: tuple[str, ...], environment: dict[str, str], named: str
) -> None:
    done = run(launcher, "plan", "--gpus", "2", *options, **environment)
    told = f"A submit would be refused: 4 cells are more than {named}; choose some with --only, or raise it"
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, told)


def test_a_plan_goes_by_the_template_of_its_jobs(launcher: Launcher) -> None:
    done = run(launcher, "plan", "--template", "nosuch.yaml")
    assert done.returncode == 2
    assert "nosuch.yaml" in done.stderr


def test_a_submit_into_a_folder_names_the_way_to_run_on_this_machine(launcher: Launcher) -> None:
    done = run(launcher, "submit", "--yes", LAUNCHER_IMAGE="trainer:dev")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    for words in ("folder inside each pod", "s3://", "--backend local"):
        assert words in done.stderr


@pytest.mark.parametrize(
    ("variable", "form"),
    [("LAUNCHER_SECRETS", '["NAME"]'), ("LAUNCHER_NODE_SELECTOR", '{"NAME": ...}')],
)
def test_a_setting_that_is_no_json_is_named_with_its_form(launcher: Launcher, variable: str, form: str) -> None:
    done = run(launcher, "doctor", LAUNCHER_IMAGE="trainer:dev", **{variable: "my-secret"})
    assert done.returncode == 2
    assert done.stderr == f"launcher: error: {variable}=my-secret: expected JSON such as {form}\n"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LAUNCHER_PER_MODEL", '{"brt": {}}', "LAUNCHER_PER_MODEL, brt: unknown model 'brt'; known models: "),
        (
            "LAUNCHER_PER_MODEL",
            '{"bert": {"memory": "16 Gi"}}',
            "LAUNCHER_PER_MODEL, bert.memory=16 Gi: expected an amo",
        ),
        ("LAUNCHER_NODE_SELECTOR", '{"a": 1}', "LAUNCHER_NODE_SELECTOR, a=1: input should be a valid string"),
        ("LAUNCHER_SECRETS", '["My_Secret"]', "LAUNCHER_SECRETS, 0=My_Secret: expected a name of small letters"),
        ("LAUNCHER_OWNER", "a b", "LAUNCHER_OWNER (or --owner)=a b: expected at most 63 letters, digits"),
        ("LAUNCHER_NAMESPACE", "No", "LAUNCHER_NAMESPACE (or --namespace)=No: expected a name of at most 63 small"),
    ],
)
def test_a_setting_of_the_wrong_form_is_spelled_as_it_was_written(
    launcher: Launcher, variable: str, value: str, words: str
) -> None:
    done = run(launcher, "doctor", **{"LAUNCHER_IMAGE": "trainer:dev", variable: value})
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith(f"launcher: error: {words}")


def test_a_variable_that_is_no_setting_is_named_with_what_it_may_mean(launcher: Launcher) -> None:
    done = run(launcher, "plan", LAUNCHER_NAMESAPCE="x", LAUNCHER_OWNER="somebody", launcher_backend="local")
    assert done.returncode == 0
    assert done.stderr == "warning: LAUNCHER_NAMESAPCE is no setting (did you mean LAUNCHER_NAMESPACE?)\n"


def test_the_cause_and_the_proxy_are_named_without_its_password(launcher: Launcher, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, "https://api.invalid")
    proxy = "http://somebody:secret@127.0.0.1:9"
    done = run(launcher, "wait", KUBECONFIG=config, HTTPS_PROXY=proxy)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    wanted = "no API server answers at https://api.invalid through the proxy http://127.0.0.1:9 (Connection refused);"
    assert wanted in done.stderr
    assert "NO_PROXY" in done.stderr
    assert "secret" not in done.stderr


@contextmanager
def refusing_proxy() -> Iterator[tuple[str, list[str | None]]]:
    """Its address, and the credentials of each request so far."""
    seen: list[str | None] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            seen.append(self.headers["Proxy-Authorization"])
            self.send_error(403)

    with serving(Proxy) as place:
        yield place, seen


def test_a_proxy_gets_the_credentials_of_its_url_and_its_answer_is_told(launcher: Launcher, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, "https://api.invalid")
    with refusing_proxy() as (place, seen):
        done = run(launcher, "wait", KUBECONFIG=config, HTTPS_PROXY=f"http://some%40body:secret@{place}")
    assert f"through the proxy http://{place} (Tunnel connection failed: 403 Forbidden)" in done.stderr
    assert set(seen) == {f"Basic {base64.b64encode(b'some@body:secret').decode()}"}


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b'{"up": true}', b"[]"])
def test_a_server_that_is_no_api_server_is_named(launcher: Launcher, tmp_path: Path, body: bytes) -> None:
    """A page for logins in front of the cluster, or the port of another program."""

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    with serving(Other) as place:
        done = run(launcher, "wait", KUBECONFIG=kubeconfig(tmp_path, f"http://{place}"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert f"no API server: http://{place} says something else to list jobs" in done.stderr


def test_no_proxy_is_named_where_none_is_used(launcher: Launcher, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, "https://127.0.0.1:9")
    done = run(launcher, "wait", KUBECONFIG=config, HTTPS_PROXY="http://somebody:secret@127.0.0.1:9")
    assert "no API server answers at https://127.0.0.1:9 (Connection refused); check the kubeconfig" in done.stderr
    assert "proxy" not in done.stderr.lower()


def test_credentials_are_cut_off_a_url() -> None:
    assert without_credentials("http://u:p%40ss@proxy.example:3128/x") == "http://proxy.example:3128/x"
    assert without_credentials("http://u:p@ss@proxy:3128") == "http://proxy:3128"
    assert without_credentials("http://[::1]:3128") == "http://[::1]:3128"
