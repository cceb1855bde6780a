"""What a campaign keeps comes back as it was, or is refused."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from contract.exits import BadInput
from faults.kills import Life
from faults.records import Origin, Records

ORIGIN = Origin(seed=7, code_version="c0ffee")
LIVES = [Life(0, kills={"step": 2, "publish": 1}, wrong=None), Life(1, kills={}, wrong="ended with 1\nearly\u2028on")]


def records(folder: Path, origin: Origin = ORIGIN) -> Records[Life]:
    return Records(folder / "new" / "lives.jsonl", Life, origin)


def test_they_come_back_as_they_were(tmp_path: Path):
    assert records(tmp_path).load() == []
    for life in LIVES:
        records(tmp_path).add(life)
    assert records(tmp_path).load() == LIVES


@pytest.mark.parametrize("origin", [replace(ORIGIN, seed=8), replace(ORIGIN, code_version="c0ffee+dirty")])
def test_those_of_another_seed_or_code_are_refused(tmp_path: Path, origin: Origin):
    records(tmp_path).add(LIVES[0])
    for use in (records(tmp_path, origin).load, lambda: records(tmp_path, origin).add(LIVES[1])):
        with pytest.raises(BadInput, match=r"lives\.jsonl .*--records another folder") as refused:
            use()
        assert all(repr(value).strip("'") in str(refused.value) for value in (origin.seed, origin.code_version))
    assert records(tmp_path).load() == LIVES[:1]


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_torn_last_line_is_skipped_and_written_over(tmp_path: Path, lines: int):
    kept = records(tmp_path)
    for life in LIVES:
        kept.add(life)
    whole = kept.file.read_bytes().splitlines(keepends=True)
    kept.file.write_bytes(b"".join(whole[: lines - 1]) + whole[lines - 1][:-1])
    before = LIVES[: max(lines - 2, 0)]
    assert kept.load() == before
    kept.add(LIVES[1])
    assert kept.load() == [*before, LIVES[1]]


def test_many_may_add_at_once(tmp_path: Path):
    lives = [Life(number, kills={}, wrong="x" * 50_000) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda life: records(tmp_path).add(life), lives))
    assert sorted(records(tmp_path).load(), key=lambda life: life.number) == lives
