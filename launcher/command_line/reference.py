"""The name of a container image, as Docker's reference grammar has it. Pure.

https://pkg.go.dev/github.com/distribution/reference
"""

import re
from dataclasses import dataclass

DOCKER_HUB = "docker.io"
"""The registry of a name that names none."""
DIGEST = r"sha256:[0-9a-f]{64}"

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PART}(?:/{_PART})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>{DIGEST}))?", re.ASCII
)


@dataclass(frozen=True)
class Reference:
    """`registry.example/team/trainer:v1@sha256:...`; a tag, a digest or both may be missing."""

    name: str
    tag: str | None
    digest: str | None

    @property
    def tagged(self) -> str | None:
        """With its tag, which is `latest` for a bare name; None where a digest alone says which image it is."""
        return None if self.tag is None and self.digest else f"{self.name}:{self.tag or 'latest'}"

    @property
    def pulled(self) -> str:
        """What a pod asks for: a digest beats a tag, and not every container runtime takes both."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag or 'latest'}"

    @property
    def registry(self) -> str:
        """Host, and port if it has one."""
        return self._split()[0]

    @property
    def repository(self) -> str:
        """The name inside its registry."""
        return self._split()[1]

    def _split(self) -> tuple[str, str]:
        first, slash, rest = self.name.partition("/")
        if slash and (set(first) & set(".:") or first == "localhost" or first != first.lower()):
            return (DOCKER_HUB, rest) if first == f"index.{DOCKER_HUB}" else (first, rest)
        return DOCKER_HUB, self.name if slash else f"library/{self.name}"


def parse(text: str) -> Reference:
    """Raises ValueError for what no container runtime would take."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no image: expected REGISTRY/NAME:TAG or REGISTRY/NAME@sha256: and 64 hex digits")
    return Reference(found["name"], found["tag"], found["digest"])
