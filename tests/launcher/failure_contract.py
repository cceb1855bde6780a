"""Every way for a cell to end on a cluster and what follows: the data of the test and of docs/failure-contract.md.

`python -m tests.launcher.failure_contract` writes the table in the document anew.
"""

from dataclasses import dataclass
from pathlib import Path

from contract.exits import EXIT_CODES, OK, ExitCode
from launcher.show.states import Word
from tests.cluster.endings import ends, evicted, out_of_memory

DOCUMENT = Path(__file__).parents[2] / "docs" / "failure-contract.md"
ATTEMPTS = 2
"""Of each Job in the test. A user's default is more; the table counts pods with these."""


@dataclass(frozen=True)
class EveryPod:
    """Each pod of the Job ends so."""

    ending: dict[str, str]


@dataclass(frozen=True)
class FirstPod:
    """The first pod ends so, the next one runs on."""

    ending: dict[str, str]


@dataclass(frozen=True)
class EvictedByApi:
    """The first pod is evicted through the API and exits so when it gets SIGTERM; the next one runs on."""

    exit_code: int


@dataclass(frozen=True)
class OwnFailure:
    """The trainer leaves its failure in the store, then each pod exits with that failure's code."""


@dataclass(frozen=True)
class Published:
    """The result is published, then the pod exits so."""

    exit_code: int


@dataclass(frozen=True)
class AttemptDeadline:
    """The kubelet ends each pod, which took longer than its deadline."""


@dataclass(frozen=True)
class JobDeadline:
    """The Job's deadline passes while a pod runs."""


@dataclass(frozen=True)
class Suspend:
    """Somebody suspends the Job."""


@dataclass(frozen=True)
class NoImage:
    """The image cannot be pulled; with `deadline`, until the Job's deadline."""

    deadline: bool


@dataclass(frozen=True)
class DeadNode:
    """The pod's node falls silent; with `deleted`, its Node object is deleted then."""

    deleted: bool


Play = (
    EveryPod
    | FirstPod
    | EvictedByApi
    | OwnFailure
    | Published
    | AttemptDeadline
    | JobDeadline
    | Suspend
    | NoImage
    | DeadNode
)


@dataclass(frozen=True)
class Case:
    """What happens, in words and in ways to play it, and what follows."""

    happens: str
    plays: tuple[Play, ...]
    job: str
    """Its end, with the reason; `goes on` or `suspended` where it has none."""
    pods: int
    """That were made."""
    state: Word
    error: str | None = None
    """Why, in a word, of a failed cell."""
    retriable: bool | None = None
    """Of a failed cell: whether a retry may help."""


NEVER, ALWAYS, GOES_ON = "Failed, PodFailurePolicy", "Failed, BackoffLimitExceeded", "goes on"
ENDINGS = [ends(number) for number in (*EXIT_CODES, 64, 137)]
OOM = "OOMKilled"


def _exits(code: ExitCode) -> Case:
    if code is OK:
        return Case("exit code 0 without a result", (EveryPod(ends(0)),), "Complete", 1, "failed", "no-result", True)
    words, plays = f"exit code {code.number}, {code.name}", (EveryPod(ends(code.number)),)
    if code.retriable:
        return Case(words, plays, ALWAYS, ATTEMPTS, "failed", code.name, True)
    return Case(words, plays, NEVER, 1, "failed", code.name, False)


CASES: tuple[Case, ...] = (
    Case("any exit code, with the result published", (Published(0), Published(1)), "any", 0, "done"),
    *map(_exits, EXIT_CODES.values()),
    Case(
        "exit code 10, and the trainer left its failure", (OwnFailure(),), NEVER, 1, "failed", "non-finite-loss", False
    ),
    Case("any other exit code", (EveryPod(ends(64)),), ALWAYS, ATTEMPTS, "failed", "exit-code-64", True),
    Case("SIGKILL, exit code 137", (EveryPod(ends(137)),), ALWAYS, ATTEMPTS, "failed", "exit-code-137", True),
    Case("killed for memory", (EveryPod(out_of_memory()),), ALWAYS, ATTEMPTS, "failed", OOM, False),
    Case(
        "a child killed for memory, exit code 0",
        (EveryPod(out_of_memory(exit_code=0)),),
        "Complete",
        1,
        "failed",
        OOM,
        False,
    ),
    Case(
        "evicted by the kubelet, any exit code, also OOMKilled",
        tuple(FirstPod(evicted() | ending) for ending in (*ENDINGS, out_of_memory())),
        GOES_ON,
        2,
        "running",
    ),
    Case(
        "evicted through the API (drain, preemption), any exit code but 0",
        tuple(EvictedByApi(number) for number in (*EXIT_CODES, 64, 137, 143) if number),
        GOES_ON,
        2,
        "running",
    ),
    Case("evicted through the API, exit code 0", (EvictedByApi(0),), "Complete", 1, "failed", "no-result", True),
    Case("the attempt's deadline", (AttemptDeadline(),), ALWAYS, ATTEMPTS, "failed", "attempt-deadline", True),
    Case("the Job's deadline", (JobDeadline(),), "Failed, DeadlineExceeded", 1, "failed", "job-deadline", True),
    Case("the image cannot be pulled", (NoImage(deadline=False),), GOES_ON, 1, "stuck"),
    Case(
        "the image cannot be pulled, until the Job's deadline",
        (NoImage(deadline=True),),
        "Failed, DeadlineExceeded",
        1,
        "failed",
        "job-deadline",
        True,
    ),
    Case("the node dies", (DeadNode(deleted=False),), GOES_ON, 1, "stuck"),
    Case("the node dies, and its Node object is deleted", (DeadNode(deleted=True),), GOES_ON, 2, "running"),
    Case("the Job is suspended", (Suspend(),), "suspended", 1, "suspended"),
)

_BEGIN, _END = "<!-- table: python -m tests.launcher.failure_contract -->\n", "<!-- end of table -->\n"


def table() -> str:
    """The cases in Markdown."""
    head = ["what happens", "the Job", "pods", "`status`", "`retry`"]
    rows = [[case.happens, case.job, str(case.pods or "any"), _status(case), _retry(case)] for case in CASES]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def _status(case: Case) -> str:
    return f"{case.state}: {case.error}" if case.error else case.state


def _retry(case: Case) -> str:
    match case.retriable:
        case None:
            return "leaves it"
        case True:
            return "makes it anew; may help"
        case False:
            return "makes it anew; would end the same"


def with_table(document: str) -> str:
    """The document with this table in place of its own."""
    before, _, rest = document.partition(_BEGIN)
    return f"{before}{_BEGIN}\n{table()}\n{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
