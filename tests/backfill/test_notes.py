"""What a backfill notes: read as it was written, of a plan no more than is needed."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.backfill import Request, plan, steps
from pipeline.backfill.notes import KEYS, Begun
from pipeline.backfill.plan import Batch, Object, Part
from pipeline.errors import TailraceError
from tests.backfill.account import LOGS, STREAM, Stage
from tests.backfill.machine import run
from tests.deployed.cloud import LAKE, STORED
from tests.deployed.staging import lines

REQUEST = Request(LOGS, "AWSLogs/")
CALLS = 10


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Objects of which a call of the function plans three, in a part of their own."""
    for name in ("LISTED", "IN_A_PART"):
        monkeypatch.setattr(steps, name, 3)
    made = Stage(tmp_path / "lake")
    for number in range(3 * CALLS):
        made.cloud.put(LOGS, f"AWSLogs/{number:02d}.log", lines(number), STORED)
    return made


def read_of_a_plan(stage: Stage) -> Counter[str]:
    """Plans a request; how often each of its parts was read."""
    read: Counter[str] = Counter()
    notes = stage.notes(REQUEST)
    backfill = stage.backfill()

    def note(**said: object) -> None:
        # Before a request is sent, by what it asks for.
        key = said["params"]["Key"]  # type: ignore[index]
        read.update([key] if "/plan/" in key else [])

    backfill.s3.meta.events.register("provide-client-params.s3.GetObject", note)
    after = ""
    while True:
        step = {"step": "plan", "after": after, "request": plan_of(REQUEST)}
        after = backfill.take(step, lambda: 900.0)["after"]
        if not after:
            break
    assert notes.parts()
    return read


def plan_of(request: Request) -> dict[str, object]:
    return {"bucket": request.bucket, "prefix": request.prefix}


def planned(stage: Stage) -> list[str]:
    notes = stage.notes(REQUEST)
    parts = [notes.part(name) for name in notes.parts()]
    return [each.key for part in parts for batch in part.batches for each in batch.objects]


def test_a_plan_is_made_without_reading_all_of_it_for_each_of_its_parts(stage: Stage) -> None:
    assert read_of_a_plan(stage) == {}
    assert len(stage.notes(REQUEST).parts()) == CALLS
    stage.cloud.put(LOGS, "AWSLogs/00 later.log", lines(90), STORED)
    # By one more object calls and parts begin at other keys.
    assert max(read_of_a_plan(stage).values()) <= 2
    assert sorted(planned(stage)) == sorted(set(stage.cloud.keys(LOGS)))


def test_a_part_that_is_in_no_table_of_keys_is_planned_once_all_the_same(stage: Stage) -> None:
    read_of_a_plan(stage)
    before = planned(stage)
    del stage.cloud.objects[LAKE, stage.notes(REQUEST).folder + KEYS]
    stage.cloud.now += timedelta(minutes=1)
    read_of_a_plan(stage)
    assert planned(stage) == before


def test_a_note_that_cannot_be_read_is_told_with_its_place_and_what_to_do(stage: Stage) -> None:
    run(stage.backfill(), REQUEST, 0)
    folder = f"{LAKE}/{stage.notes(REQUEST).folder}"
    stage.cloud.put(LAKE, f"{folder.partition('/')[2]}done/00000001.json", b'{"rows": "many"}')
    with pytest.raises(TailraceError, match=r"^it cannot be read\n") as told:
        run(stage.backfill(), REQUEST, 0)
    assert told.value.where == f"s3://{folder}done/00000001.json"
    assert told.value.fix == f"delete s3://{folder}, and run it again: rows stay as they are"
    for key in stage.cloud.keys(LAKE):
        if key.startswith("backfill/"):
            del stage.cloud.objects[LAKE, key]
    assert run(stage.backfill(), REQUEST, 0)["failed"] == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("plan/00000001-99999999.json", b"{}", "no part of a plan has 99,999,999 batches"),
        ("begun/00000001.json", b'{"left": [9]}', "is of another one"),
        ("begun/00000001.json", b'{"left": [-1]}', "it cannot be read"),
        ("begun/00000001.json", b'{"after": "1 or 1"}', "it cannot be read"),
        ("begun/00000001.json", b'{"at_ms": 100000000000000000000}', "it cannot be read"),
    ],
)
def test_a_note_that_no_backfill_has_made_is_told(
    stage: Stage, name: str, content: bytes, said: str
) -> None:
    notes = stage.notes(REQUEST)
    notes.add_parts([Part((Batch(1, (Object("AWSLogs/00.log", 1, 1),)),))])
    stage.cloud.put(LAKE, f"{notes.folder}{name}", content)
    known = {"request": plan_of(REQUEST), "begun_ms": 1_795_615_300_000}
    first = {"step": "take", "part": "00000001-00000001.json", "number": 1}
    step = {"step": "round", "behind": 0, "most": 9} if name.startswith("plan") else first
    with pytest.raises(TailraceError, match=said):
        stage.backfill().take({**known, **step}, lambda: 900.0)


def test_what_is_no_note_is_left_out(stage: Stage) -> None:
    run(stage.backfill(), REQUEST, 0)
    folder = stage.notes(REQUEST).folder
    for name in ("plan/x.json", "plan/00000001.json", "done/x", "done/\uff10000001.json"):
        stage.cloud.put(LAKE, f"{folder}{name}", b"{}")
    assert run(stage.backfill(), REQUEST, 0)["failed"] == 0


def test_what_is_not_noted_is_told_by_404_and_nothing_else(stage: Stage) -> None:
    notes = stage.notes(REQUEST)
    assert notes.begun(7) == Begun()
    # As HeadObject and some stores say it.
    stage.cloud.errors["GetObject"] = [(404, "404"), (403, "AccessDenied")]
    assert notes.begun(7) == Begun()
    with pytest.raises(TailraceError, match="AccessDenied"):
        notes.begun(7)


def test_a_part_takes_the_place_of_no_other(stage: Stage) -> None:
    notes = stage.notes(REQUEST)
    part = Part((Batch(1, (Object("a", 1, 1),)),))
    notes.add_parts([part])
    with pytest.raises(TailraceError, match="PreconditionFailed"):
        notes.add_parts([Part((Batch(1, (Object("b", 1, 1),)),))])
    assert notes.part("00000001-00000001.json") == part


def test_hours_of_a_shard_are_no_keys(stage: Stage) -> None:
    request = Request(stream=STREAM, from_ms=0, to_ms=1)
    notes = stage.notes(request)
    notes.add_parts([Part((Batch(1, slice=plan.Slice("a", 0, 1)),))])
    assert [key.rpartition("/")[2] for key in stage.cloud.keys(LAKE)] == ["00000001-00000001.json"]
