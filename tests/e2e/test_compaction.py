"""Compaction by the real state machine, the function and Athena; broken at each state."""

import json
import time
from functools import partial

import pytest

from pipeline.derive.machines import definition
from tests.e2e import machines
from tests.e2e.cloud import Cloud, until
from tests.e2e.folding import CLOSED, FOLDED, SQL, TABLE, Folding
from tests.e2e.machines import Definition
from tests.e2e.sample import Sample
from tests.e2e.stages import Further

LANDED = f"SELECT count(*) FROM {TABLE}_landing"  # noqa: S608 - a view of ours
GROUP, NAME = "/local/fold", "fold"
DAY_MS = 24 * 60 * 60 * 1000
# Rows of a sample. Five are sent: two that are folded, two of the same days that have closed since,
# and one that comes just now.
ROWS = 26
# What has to fail before, for an execution to come there at all.
BEHIND_FAILURES = {"TableFailed": "Plan", "DayFailed": "Swap"}
# Ends themselves: other tests come there.
ENDS = {"AnotherIsAtWork", "Failed"}
STATES = [name for name in machines.names(definition("compact")) if name not in ENDS]
TASKS = machines.names(definition("compact"), "Task")

pytestmark = pytest.mark.needs("states.compaction", "athena.answers")


@pytest.fixture(scope="session")
def folding(further: Further) -> Folding:
    """Flows of two days, some of them folded, some of them twice, and some of just now."""
    sources = f'{{"{GROUP}": "vpc-flow"}}'
    folding = Folding(further.stage(NAME, Delivery="s3", LogGroups="", Sources=sources))
    now = round(time.time() * 1000) - 120_000
    _sent(folding.stage, 2 * ROWS, Sample(now - DAY_MS), Sample(now))
    first = folding.taken()
    _sent(folding.stage, 2 * ROWS, Sample(now - DAY_MS + 1000), Sample(now + 1000))
    second = folding.taken()
    folding.land(first, FOLDED)
    assert folding.run()["status"] == "SUCCEEDED"
    folding.keep()
    folding.land({**first, **second}, CLOSED)
    _sent(folding.stage, 7 * ROWS, Sample(now + 60_000))
    return folding


def _sent(stage: Cloud, rows: int, *samples: Sample) -> None:
    for sample in samples:
        stage.client("kinesis").put_record(
            StreamName=stage.outputs["StreamName"],
            Data=sample.envelope(GROUP, sample.flows),
            PartitionKey="any",
        )
    until(lambda: True if len(stage.landed(TABLE)) == rows else None, f"{rows} rows")


@pytest.fixture(scope="session")
def answer(target: Cloud, folding: Folding) -> list[list[str]]:
    """What is answered from the first to the last."""
    folding.begin()
    found = folding.ask()
    assert len(found) == 5 * ROWS
    return found


@pytest.fixture
def before(folding: Folding, answer: list[list[str]]) -> list[list[str]]:
    """The answer, with more to be compacted."""
    folding.begin()
    assert folding.ask(LANDED) == [[str(5 * ROWS)]]
    return answer


def converges(folding: Folding, before: list[list[str]]) -> None:
    """The next execution does what is left, and no answer is another one."""
    assert folding.ask() == before
    said = folding.run()
    assert said["status"] == "SUCCEEDED", said
    assert folding.ask() == before
    # What came just now; all else is curated, and read from landing no more.
    assert folding.ask(LANDED) == [[str(ROWS)]]
    assert folding.noted() == set()


def test_a_compaction_changes_no_answer(folding: Folding, before: list[list[str]]) -> None:
    converges(folding, before)


def test_the_command_answers_of_what_is_compacted(
    folding: Folding, before: list[list[str]]
) -> None:
    converges(folding, before)
    ran = folding.stage.tailrace(
        *("query", "--sql", SQL, "--full-scan", "--engine", "athena"),
        *("--stage", NAME, "--output", "jsonl"),
    )
    assert ran.code == 0, ran.err
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [str(row["record_id"]) for row in rows] == [number for _, _, number, *_ in before]


@pytest.mark.parametrize("state", STATES)
def test_an_execution_that_ends_at_a_state_changes_no_answer_and_the_next_one_goes_on(
    folding: Folding, before: list[list[str]], state: str
) -> None:
    def ended(definition: Definition) -> None:
        machines.end_at(definition, state)
        if state in BEHIND_FAILURES:
            machines.fail_at(definition, BEHIND_FAILURES[state])

    said = folding.run(ended)
    assert (said["status"], "Injected" in said["cause"] + said["error"]) == ("FAILED", True), said
    converges(folding, before)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_that_fails_changes_no_answer_and_the_next_execution_goes_on(
    folding: Folding, before: list[list[str]], task: str
) -> None:
    said = folding.run(partial(machines.fail_at, name=task))
    assert said["status"] == "FAILED"
    converges(folding, before)


def test_a_day_that_fails_leaves_the_one_beside_it_folded(
    folding: Folding, before: list[list[str]]
) -> None:
    was = folding.shown()
    first, second = sorted(was)
    said = folding.run(partial(machines.fail_at, name="Prove", when=f"$day = '{first}'"))
    (failed,) = json.loads(said["cause"])
    assert (failed["table"], failed["failed"]["day"]) == (TABLE, first)
    shown = folding.shown()
    assert [day for day in (first, second) if shown[day] != was[day]] == [second]
    converges(folding, before)
    assert folding.shown()[second] == shown[second]


def test_a_step_whose_answer_is_lost_can_come_again(
    folding: Folding, before: list[list[str]]
) -> None:
    said = folding.run(machines.repeat_calls)
    assert said["status"] == "SUCCEEDED", said
    assert folding.noted() == set()
    converges(folding, before)


def test_another_one_is_not_disturbed_and_when_it_is_stopped_its_place_is_taken(
    folding: Folding, before: list[list[str]]
) -> None:
    def held(definition: Definition) -> None:
        machines.pass_at(definition, "Swap")
        machines.hold_at(definition, "Sweep")

    first = folding.start(held)
    folding.comes_to(first, "Wait")
    noted = folding.noted()
    assert len(noted) == 2
    second = folding.run()
    assert (second["status"], json.loads(second["output"])["by"]) == ("SUCCEEDED", first)
    assert folding.noted() == noted
    folding.stage.client("stepfunctions").stop_execution(executionArn=first)
    assert folding.end_of(first)["status"] == "ABORTED"
    converges(folding, before)


def test_of_two_that_begin_at_once_none_fails(folding: Folding, before: list[list[str]]) -> None:
    both = [folding.start(), folding.start()]
    assert [folding.end_of(each)["status"] for each in both] == ["SUCCEEDED", "SUCCEEDED"]
    converges(folding, before)
