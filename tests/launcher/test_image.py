"""A tag becomes a digest once for a run: what a registry says, and what the store keeps of it."""

import base64
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.exits import BadInput
from contract.keys import image_key
from contract.opening import open_store
from contract.run import run_names
from contract.store import Store
from launcher.submit.image import pin_image, resolve_image
from tests.launcher.registry import Registry, registry

NAME = "team/trainer"


@pytest.fixture(autouse=True)
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the person who runs the tests; the folder of one that a test may write."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def images() -> Iterator[Registry]:
    with registry() as served:
        yield served


def log_in(folder: Path, host: str, **login: str) -> None:
    (folder / "config.json").write_text(json.dumps({"auths": {host: login}}))


def basic(user: str, secret: str) -> str:
    return base64.b64encode(f"{user}:{secret}".encode()).decode()


def test_a_tag_that_moves_stays_what_the_run_has_recorded(images: Registry, store: Store):
    image = f"{images.host}/{NAME}:v1"
    before = images.push(NAME, "v1", "before")
    assert pin_image(image, "full", store) == f"{image}@{before}"
    after = images.push(NAME, "v1", "after")
    assert pin_image(image, "full", store) == f"{image}@{before}"
    assert pin_image(image, "other", store) == f"{image}@{after}"
    assert run_names(store) == []


def test_a_run_may_go_on_with_another_tag(images: Registry, store: Store):
    for tag in ("v1", "v2", "latest"):
        digest = images.push(NAME, tag, tag)
        assert pin_image(f"{images.host}/{NAME}:{tag}", "full", store) == f"{images.host}/{NAME}:{tag}@{digest}"
    assert pin_image(f"{images.host}/{NAME}", "full", store) == f"{images.host}/{NAME}:latest@{digest}"


def test_the_second_of_two_submits_takes_the_first_one_s_digest(images: Registry, store: Store, tmp_path: Path):
    """The tag moves between the second one's look at the record and its write."""
    image = f"{images.host}/{NAME}:v1"
    first = images.push(NAME, "v1", "first")

    class Slow(type(store)):
        def publish(self, key: str, data: bytes) -> bool:
            pin_image(image, "full", store)
            return super().publish(key, data.replace(first.encode(), b"sha256:" + b"9" * 64))

    assert pin_image(image, "full", Slow(tmp_path / "store")) == f"{image}@{first}"


def test_a_digest_is_nobody_s_to_resolve(images: Registry, store: Store):
    image = f"{images.host}/{NAME}:v1@sha256:{'0' * 64}"
    images.push(NAME, "v1", "other")
    assert pin_image(image, "full", store) == image
    assert (images.requests, list(store.list(""))) == ([], [])


def test_a_look_writes_nothing(images: Registry, store: Store):
    digest = images.push(NAME, "v1", "x")
    assert resolve_image(f"{images.host}/{NAME}:v1", "full", store).endswith(digest)
    assert list(store.list("")) == []


def test_a_registry_that_does_not_tell_the_digest_is_asked_for_the_content(images: Registry, store: Store):
    images.tells_digest = False
    digest = images.push(NAME, "v1", "x")
    assert pin_image(f"{images.host}/{NAME}:v1", "full", store).endswith(f"@{digest}")
    assert [request.split()[0] for request in images.requests] == ["HEAD", "GET"]


def test_anybody_may_have_a_token(store: Store):
    with registry(wants="Bearer") as images:
        digest = images.push(NAME, "v1", "x")
        assert pin_image(f"{images.host}/{NAME}:v1", "full", store).endswith(f"@{digest}")


@pytest.mark.parametrize("wants", ["Basic", "Bearer"])
@pytest.mark.parametrize("key", ["{}", "https://{}", "http://{}/v1/"])
def test_a_login_of_docker_s_is_used(store: Store, no_login: Path, wants: str, key: str):
    with registry(wants=wants, login=("me", "se:cret")) as images:
        digest = images.push(NAME, "v1", "x")
        log_in(no_login, key.format(images.host), auth=basic("me", "se:cret"))
        assert pin_image(f"{images.host}/{NAME}:v1", "full", store).endswith(f"@{digest}")


def test_an_identity_token_is_changed_into_an_access_token(store: Store, no_login: Path):
    with registry(wants="Bearer", identity_token="ident+ity") as images:
        digest = images.push(NAME, "v1", "x")
        log_in(no_login, images.host, auth=basic("me", ""), identitytoken="ident+ity")
        assert pin_image(f"{images.host}/{NAME}:v1", "full", store).endswith(f"@{digest}")


@pytest.mark.parametrize("setting", ["credsStore", "credHelpers"])
def test_a_login_that_a_helper_keeps(store: Store, no_login: Path, monkeypatch: pytest.MonkeyPatch, setting: str):
    with registry(wants="Bearer", login=("me", "secret")) as images:
        digest = images.push(NAME, "v1", "x")
        helper = no_login / "docker-credential-test"
        answer = json.dumps({"ServerURL": images.host, "Username": "me", "Secret": "secret"})
        helper.write_text(f"#!/bin/sh\n[ \"$1 $(cat)\" = 'get {images.host}' ] && echo '{answer}'\n")
        helper.chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", str(no_login), prepend=":")
        config = {"credsStore": "test"} if setting == "credsStore" else {"credHelpers": {images.host: "test"}}
        (no_login / "config.json").write_text(json.dumps(config))
        assert pin_image(f"{images.host}/{NAME}:v1", "full", store).endswith(f"@{digest}")


def test_a_tag_that_is_not_there_is_the_user_s_mistake(images: Registry, store: Store):
    images.push(NAME, "v1", "x")
    with pytest.raises(BadInput, match=rf"^no image {images.host}/{NAME}:v2: {images.host} does not have it; push it"):
        pin_image(f"{images.host}/{NAME}:v2", "full", store)


@pytest.mark.parametrize(
    ("settings", "config", "words"),
    [
        ({"status": 503}, None, "answers 503"),
        ({"status": 429}, None, "answers 429"),
        ({"wants": "Basic", "login": ("me", "x")}, None, "wants a login: docker login"),
        ({"wants": "Basic", "login": ("me", "x")}, {"auth": basic("me", "wrong")}, "refuses these credentials"),
        ({"wants": "Bearer", "login": ("me", "x")}, None, "no token to anybody who is not logged in (status 401)"),
        ({"wants": "Bearer", "login": ("me", "x")}, {"auth": basic("me", "wrong")}, "no token to these credentials"),
        ({"wants": "Bearer"}, {"auth": "%"}, "config.json cannot be read"),
    ],
)
def test_a_registry_that_does_not_tell_is_a_warning_and_the_tag_stays(
    store: Store,
    no_login: Path,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, object],
    config: dict[str, str] | None,
    words: str,
):
    with registry(**settings) as images:
        images.push(NAME, "v1", "x")
        if config:
            log_in(no_login, images.host, **config)
        image = f"{images.host}/{NAME}:v1"
        assert pin_image(image, "full", store) == image
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {image} is not resolved to a digest (")
    assert line.endswith("): attempts may run different images")
    assert words in line
    assert list(store.list("")) == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "config.json cannot be read"),
        ("[]", "config.json cannot be read"),
        ('{"credsStore": "nosuch"}', "docker-credential-nosuch is not installed"),
    ],
)
def test_a_login_that_cannot_be_read_is_named(
    store: Store, no_login: Path, capsys: pytest.CaptureFixture[str], config: str, words: str
):
    (no_login / "config.json").write_text(config)
    with registry(wants="Bearer") as images:
        pin_image(f"{images.host}/{NAME}:v1", "full", store)
    assert words in capsys.readouterr().err


def test_a_registry_that_is_not_there(store: Store, capsys: pytest.CaptureFixture[str]):
    assert pin_image("127.0.0.1:9/trainer", "full", store) == "127.0.0.1:9/trainer"
    (line,) = capsys.readouterr().err.splitlines()
    assert "127.0.0.1:9 does not answer" in line


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"image": "a:b", "digest": "sha256:0"}', b"\xff"])
def test_a_damaged_record_is_named(images: Registry, store: Store, data: bytes):
    """Never overwritten by a guess: other Jobs of the run may carry what stood there."""
    images.push(NAME, "v1", "x")
    key = image_key("full", f"{images.host}/{NAME}:v1")
    store.put(key, data)
    with pytest.raises(BadInput, match=rf"{key} in .* cannot be read: it was cut short or edited; delete it"):
        pin_image(f"{images.host}/{NAME}:v1", "full", store)
