"""What a campaign found: figures, and the tables of docs/reliability.md."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Figure
from contract.exits import EXIT_CODES, OK
from faults.attempts import PUBLISHER, TRAINER
from faults.kills import Life
from faults.kinds import KINDS
from faults.outcome import Outcome
from faults.races import Race

_BEGIN, _END = "<!-- tables: make faults -->\n", "<!-- end of tables -->\n"


def figures(outcomes: Sequence[Outcome], races: Sequence[Race], lives: Sequence[Life]) -> Iterator[Figure]:
    """A part that was not run has none."""
    if outcomes:
        met = [outcome for outcome in outcomes if outcome.met]
        yield _figure("faults_injected", len(met), ">= 500")
        yield _figure("kinds_of_faults", len({outcome.kind for outcome in met}), ">= 15")
        yield _figure("results_lost", sum(bool(outcome.lost) for outcome in outcomes))
        yield _figure("published_twice", sum(bool(outcome.published_twice) for outcome in outcomes))
        yield _figure("corrupt_accepted", sum(bool(outcome.corrupt) for outcome in outcomes))
        yield _figure("hangs", sum(outcome.hung for outcome in outcomes))
        yield _figure("undocumented_ends", sum(bool(outcome.undocumented) for outcome in outcomes))
        yield _figure("checkpoints_left", sum(bool(outcome.left_over) for outcome in outcomes))
    for race in races:
        name = race.store.split()[-1].lower()
        yield _figure(f"races_with_one_winner_{name}", race.keys - len(race.without_one_winner), f"== {race.keys}")
        yield _figure(f"races_read_otherwise_{name}", len(race.read_otherwise))
    if lives:
        total = sum(life.total for life in lives)
        yield _figure("kills", total, ">= 30")
        yield _figure("kills_recovered", sum(life.total for life in lives if not life.wrong), f"== {total}")
        yield _figure("killed_cells_gone_wrong", sum(bool(life.wrong) for life in lives))


def _figure(name: str, value: int, goal: str = "== 0") -> Figure:
    return Figure(name, [value], goal)


def write_tables(
    page: Path, seed: int, outcomes: Sequence[Outcome], races: Sequence[Race], lives: Sequence[Life]
) -> None:
    """Put them into the page in place of its own."""
    before, _, rest = page.read_text().partition(_BEGIN)
    tables = [f"Seed {seed}.\n", _verdicts(outcomes, races, lives), _faults(outcomes), *[_kills(lives)] * bool(lives)]
    text = "\n".join(tables)
    page.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.partition(_END)[2]}")


def _verdicts(outcomes: Sequence[Outcome], races: Sequence[Race], lives: Sequence[Life]) -> str:
    rows = [
        [figure.name.replace("_", " "), f"{figure.values[0]:.0f}", (figure.goal or "").replace("== ", "")]
        for figure in figures(outcomes, races, lives)
    ]
    return _table(["figure", "", "goal"], rows)


def _faults(outcomes: Sequence[Outcome]) -> str:
    met = [outcome for outcome in outcomes if outcome.met]
    rows = [_row(kind.name, [outcome for outcome in met if outcome.kind == kind.name]) for kind in KINDS]
    head = ["fault", "publisher alone", "whole trainer", "how the attempt under it ended"]
    return _table(head, [*rows, _row("all", met)])


def _row(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    programs = Counter(outcome.program for outcome in outcomes)
    ends = Counter(_end(outcome.codes[0]) for outcome in outcomes)
    words = ", ".join(f"{end} {number}" for end, number in ends.most_common())
    return [name, str(programs[PUBLISHER.name]), str(programs[TRAINER.name]), words]


def _end(code: int | None) -> str:
    match code:
        case None:
            return "hung"
        case OK.number:
            return "result"
        case _ if code in EXIT_CODES:
            return EXIT_CODES[code].name
        case _:
            return f"signal {-code}" if code < 0 else f"exit code {code}"


def _kills(lives: Sequence[Life]) -> str:
    kills: Counter[str] = Counter()
    for life in lives:
        kills.update(life.kills)
    return _table(["killed during", "times"], [[name, str(number)] for name, number in kills.most_common()])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
