"""Names of images are read as container runtimes read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.command_line.reference import parse

DIGEST = f"sha256:{'ab' * 32}"
parts = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
hosts = st.sampled_from(["", "registry.example/", "registry.example:5000/", "localhost/", "[::1]:5000/", "Host/"])
tags = st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)


@given(hosts, st.lists(parts, min_size=1, max_size=3), tags, st.none() | st.just(DIGEST))
def test_a_name_comes_apart_as_it_was_put_together(host: str, path: list[str], tag: str | None, digest: str | None):
    name = host + "/".join(path)
    found = parse(name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else ""))
    assert (found.name, found.tag, found.digest) == (name, tag, digest)


@pytest.mark.parametrize(
    ("name", "registry", "repository"),
    [
        ("trainer", "docker.io", "library/trainer"),
        ("team/trainer", "docker.io", "team/trainer"),
        ("docker.io/team/trainer", "docker.io", "team/trainer"),
        ("index.docker.io/team/trainer", "docker.io", "team/trainer"),
        ("localhost/trainer", "localhost", "trainer"),
        ("localhost:5000/team/trainer", "localhost:5000", "team/trainer"),
        ("registry.example/a/b/c", "registry.example", "a/b/c"),
        ("Host/trainer", "Host", "trainer"),
    ],
)
def test_which_registry_is_meant(name: str, registry: str, repository: str):
    found = parse(name)
    assert (found.registry, found.repository) == (registry, repository)


@pytest.mark.parametrize(
    ("text", "pulled", "tagged"),
    [
        ("a/b", "a/b:latest", "a/b:latest"),
        ("a/b:v1", "a/b:v1", "a/b:v1"),
        (f"a/b@{DIGEST}", f"a/b@{DIGEST}", None),
        (f"a/b:v1@{DIGEST}", f"a/b@{DIGEST}", "a/b:v1"),
        ("localhost:5000/b", "localhost:5000/b:latest", "localhost:5000/b:latest"),
    ],
)
def test_a_digest_beats_a_tag(text: str, pulled: str, tagged: str | None):
    assert (parse(text).pulled, parse(text).tagged) == (pulled, tagged)


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "A", "a/B", "https://a/b", "a:", "a@sha256:ab", "a@md5:00", "a:b:c", "-a", "a\n", "a/é"]
)
def test_what_no_runtime_takes_is_refused(text: str):
    with pytest.raises(ValueError, match="is no image: expected REGISTRY/NAME:TAG"):
        parse(text)
