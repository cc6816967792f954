"""The simulation in small: seeds that once failed, thirty more, and that it sees what it should."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.sim.chaos import survived
from tests.sim.mutants import MUTANTS
from tests.sim.planted import Found, look, plant, tell
from tests.sim.runner import run

KEPT = Path(__file__).with_name("regressions.txt")
QUICK = range(1_000, 1_030)


def kept() -> list[int]:
    lines = KEPT.read_text("utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


@pytest.mark.slow
@pytest.mark.fault("F7", "F13", "F18", "F25", "F27")
@pytest.mark.parametrize("seed", kept())
def test_a_seed_that_once_failed_holds(seed: int) -> None:
    assert run(seed).failure == ""


@pytest.mark.slow
@pytest.mark.fault("F7", "F13", "F18", "F25", "F27")
@pytest.mark.parametrize("first", QUICK[::5])
def test_what_is_accepted_is_in_the_view_once_or_in_the_quarantine_once(first: int) -> None:
    results = [run(seed) for seed in range(first, first + 5)]
    assert [result.failure for result in results if result.failure] == []
    assert all(result.trace for result in results)


@pytest.mark.slow
@pytest.mark.fault("F7", "F18", "F25")
def test_nothing_is_lost_where_a_third_of_all_attempts_meets_a_fault(tmp_path: Path) -> None:
    found = survived(tmp_path / "home", events=60_000, share=0.4, seed=1)
    assert found.holds, found
    assert found.faulty > 0.3 * found.attempts


def test_one_seed_is_one_history() -> None:
    # It goes through all parts.
    assert run(28).trace == run(28).trace
    assert run(28).trace != run(56).trace


def test_each_planted_bug_finds_its_place_in_the_code(tmp_path: Path) -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 15
    for number, mutant in enumerate(MUTANTS):
        plant(mutant, tmp_path / str(number))


@pytest.mark.slow
def test_a_planted_bug_is_found() -> None:
    easiest = next(each for each in MUTANTS if each.name == "no deduplication in the view")
    assert look(easiest, 40).seeds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("            log.advance(connection, shard)\n", "TypeError: advance() missing"),
        ("            log.advance(connection, shard, last\n", "SyntaxError: "),
    ],
)
def test_a_planted_bug_that_cannot_even_run_is_told_as_broken(
    capsys: pytest.CaptureFixture[str], new: str, said: str
) -> None:
    sound = next(each for each in MUTANTS if each.name == "checkpoint one record too far")
    found = look(replace(sound, new=new), 5)
    assert (found.seeds, found.broken) == (0, True)
    assert said in found.said
    assert tell([found]) == 1
    shown = capsys.readouterr().out
    assert "BROKEN  checkpoint one record too far" in shown
    assert "0 of 1 found" in shown


def test_only_a_planted_bug_that_breaks_a_promise_counts_as_found() -> None:
    assert tell([Found(MUTANTS[0], 3, "Violation: lost")]) == 0
    assert tell([Found(MUTANTS[0], 0, "")]) == 1


def test_a_planted_bug_whose_text_is_gone_is_told(tmp_path: Path) -> None:
    lost = type(MUTANTS[0])("lost", "home.py", "no such text", "")
    with pytest.raises(ValueError, match=r"lost: its text is in home\.py 0x"):
        plant(lost, tmp_path)
