"""An erasure from the lake of a stack: rows are gone with every version, and nothing else is."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.curate.steps import KEPT_FOR
from pipeline.erase.receipt import DONE, UNFINISHED, Receipt, Removed
from pipeline.erase.stack.gone import Erased
from pipeline.erase.stack.landing import renamed
from pipeline.erase.stack.steps import erased_key, receipt_key
from pipeline.erase.stack.work import LANES
from pipeline.erase.subject import of_address
from tests.curate.machine import compact
from tests.curate.rows import Event, rows
from tests.erase.account import Versioned
from tests.erase.machine import DAY, erase, retries, states

MORNING = datetime(2026, 11, 27, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
HER, HIM = "from 203.0.113.9:443", "from 203.0.113.90:443"
SUBJECT = of_address("203.0.113.9")
ALL = "select dt, event_time, record_id, message from app_log order by all"


def event(number: int, text: str = HIM, at: datetime = MORNING, **more: object) -> Event:
    return Event(at, number, **{"arrived": at, "text": text, **more})  # type: ignore[arg-type]


def landed(account: Versioned, name: str, at: datetime, *events: Event) -> None:
    account.land(at, f"{name}.parquet", rows(account.table, events))


def filled() -> Versioned:
    """Two hours that have closed and one that has not: copies, a late event, files of one alone."""
    made = Versioned()
    before = MORNING - timedelta(days=1)
    landed(made, "a", MORNING, event(1), event(2, HER), event(2, HER), event(3, HIM, before))
    landed(made, "b", MORNING, event(4), event(10))
    landed(made, "c", MORNING + HOUR, event(2, HER), event(5, HER, before), event(6))
    landed(made, "d", MORNING + 8 * HOUR, event(7, HER, MORNING + 8 * HOUR))
    landed(made, "e", MORNING + 8 * HOUR, event(8, HIM, MORNING + 8 * HOUR), event(4))
    return made


@pytest.fixture
def account() -> Versioned:
    return filled()


def others(account: Versioned) -> list[tuple[object, ...]]:
    """What the view shows of others."""
    return [row for row in account.ask(ALL) if row[3] != HER]


def receipt(account: Versioned, erasure: str) -> Receipt:
    found = account.eraser().bucket.read(receipt_key(erasure), Receipt)
    assert found is not None
    return found


@pytest.mark.parametrize("folded", [False, True])
def test_rows_go_from_every_version_and_their_neighbours_stay(
    account: Versioned, folded: bool
) -> None:
    if folded:
        compact(account, account.curator())
    before = others(account)
    erasure = account.ask_for(SUBJECT)
    assert erase(account, erasure) == {"failed": ""}
    assert account.ask(ALL) == before
    assert account.holders("203.0.113.9:") == account.holders('"203.0.113.9"') == []
    compact(account, account.curator())
    assert account.ask(ALL) == before
    assert account.holders("203.0.113.9:") == []


def test_files_without_the_subject_are_left_alone(account: Versioned) -> None:
    kept = [key for key in account.files() if key.endswith(("/b.parquet", "/e.parquet"))]
    before = {key: account.kept[key][0].id for key in kept}
    others = [key for key in account.files() if key.endswith(("/a.parquet", "/c.parquet"))]
    erasure = account.ask_for(SUBJECT)
    erase(account, erasure)
    assert {key: account.kept[key][0].id for key in kept} == before
    assert account.files() == sorted([*kept, *(renamed(key, erasure) for key in others)])


def test_files_whose_names_differ_by_an_erasure_alone_both_stay(account: Versioned) -> None:
    landed(account, "a-e0badcafe", MORNING, event(90, HER), event(91, HIM))
    before = others(account)
    assert erase(account, account.ask_for(SUBJECT)) == {"failed": ""}
    assert account.ask(ALL) == before
    compact(account, account.curator())
    assert account.ask(ALL) == before


def test_what_is_left_of_a_file_is_as_it_was(account: Versioned) -> None:
    (key,) = [key for key in account.files() if key.endswith("/a.parquet")]
    before = parquet.read_table(pa.BufferReader(account.objects[key][0]))
    erasure = account.ask_for(SUBJECT)
    erase(account, erasure)
    content = account.objects[renamed(key, erasure)][0]
    left = parquet.ParquetFile(pa.BufferReader(content))
    assert left.schema_arrow.equals(before.schema)
    assert left.read().equals(before.filter(pa.array([True, False, False, True])))
    used = {left.metadata.row_group(0).column(at).compression for at in range(4)}
    assert used == {"SNAPPY"}


def test_the_receipt_counts_each_event_once(account: Versioned) -> None:
    compact(account, account.curator())
    erasure = account.ask_for(SUBJECT)
    erase(account, erasure)
    found = receipt(account, erasure)
    assert (found.state, found.waiting, found.held_by) == (DONE, 0, ())
    days = [Removed("app_log", "2026-11-26", 1), Removed("app_log", "2026-11-27", 2)]
    assert list(found.rows) == days
    assert found.files == 5
    hour = int(MORNING.timestamp()) // 3600
    counts = account.eraser().bucket.read(erased_key(erasure), list[Erased])
    assert counts == [
        Erased("app_log", "app-log", hour - 24, 1, 1),
        Erased("app_log", "app-log", hour, 1, 1),
        Erased("app_log", "app-log", hour + 8, 1, 1),
    ]


def test_files_that_a_query_may_read_go_a_day_later(account: Versioned) -> None:
    compact(account, account.curator())
    first = {key for key in account.objects if "/curated/" in key}
    erasure, eraser = account.ask_for(SUBJECT), account.eraser()
    held: list[str] = []

    def look(name: str) -> None:
        if name == "half of a deletion" and not held and receipt_key(erasure) in account.objects:
            held.extend(first & set(account.objects))

    account.before = look
    erase(account, erasure)
    account.before = lambda name: None
    assert set(held) == first
    assert not [key for key in first if key in account.kept]
    assert eraser.bucket.keys("erasing/") == []
    assert account.curator().objects.marked("app_log") == []


def test_nothing_that_compaction_knew_looks_changed(account: Versioned) -> None:
    compact(account, account.curator())
    erase(account, account.ask_for(SUBJECT))
    account.now -= DAY
    asked = len(account.answers)
    assert compact(account, account.curator()) == {"busy": False, "failed": []}
    assert len(account.answers) == asked


def test_a_file_that_comes_while_it_is_erased_is_folded_all_the_same(account: Versioned) -> None:
    compact(account, account.curator())
    erasure = account.ask_for(SUBJECT)

    def come(name: str) -> None:
        if name == "CopyObject" and not [key for key in account.files() if "late" in key]:
            landed(account, "late", MORNING, event(9))

    account.before = come
    erase(account, erasure)
    account.before = lambda name: None
    compact(account, account.curator())
    assert 9 in [row[2] for row in account.ask(ALL)]
    assert account.holders("203.0.113.9:") == []


def test_neither_runs_beside_the_other(account: Versioned) -> None:
    account.running = {"compaction"}
    account.curator().take({"step": "begin", "execution": "compaction"})
    erasure = account.ask_for(SUBJECT)
    assert erase(account, erasure) == {"busy": "compaction"}
    account.running = {"an erasure"}
    account.eraser().take(
        {"step": "begin", "id": erasure, "execution": "an erasure"}, lambda: 900.0
    )
    assert compact(account, account.curator())["by"] == "an erasure"
    account.running = set()
    assert compact(account, account.curator()) == {"busy": False, "failed": []}


def test_a_dry_run_says_what_would_go_and_changes_nothing(account: Versioned) -> None:
    compact(account, account.curator())
    before = {key: [each.id for each in kept] for key, kept in account.kept.items()}
    erasure = account.ask_for(SUBJECT, dry=True)
    assert erase(account, erasure) == {"failed": ""}
    there = {key: [each.id for each in kept] for key, kept in account.kept.items()}
    mine = [key for key in there if key.startswith(("erasing/", "subjects/", "compaction/lock"))]
    assert {key: ids for key, ids in there.items() if key not in mine} == {
        key: ids for key, ids in before.items() if key not in mine
    }
    found = account.eraser().bucket.read(f"erasing/{erasure}/receipt.json", Receipt)
    assert found is not None
    assert (found.state, found.row_count, found.files) == (UNFINISHED, 3, 5)
    assert account.holders('"203.0.113.9"') == []


def test_what_was_deleted_and_is_still_kept_goes_too(account: Versioned) -> None:
    (key,) = [key for key in account.files() if key.endswith("/d.parquet")]
    account.store(key, None)
    assert account.holders("203.0.113.9:443")
    erasure = account.ask_for(SUBJECT)
    erase(account, erasure)
    assert account.holders("203.0.113.9:443") == []
    assert receipt(account, erasure).files == 2


def test_a_file_that_cannot_be_read_is_named_and_stays(account: Versioned) -> None:
    folder = "lake/landing/app_log/arrival_dt=2026-11-27/arrival_hour=02"
    account.store(f"{folder}/broken.parquet", b"PARX" * 9)
    erasure = account.ask_for(SUBJECT)
    assert erase(account, erasure) == {"failed": ""}
    assert receipt(account, erasure).unsearched == (f"s3://lake/{folder}/broken.parquet",)
    assert account.holders("203.0.113.9:") == []


def test_a_day_whose_files_cannot_all_be_read_is_not_rewritten(account: Versioned) -> None:
    compact(account, account.curator())
    shown = dict(account.partitions)
    version = shown["2026-11-27"]["StorageDescriptor"]["Location"].removeprefix("s3://lake/")
    account.store(f"{version}broken", b"PARX" * 9)
    erasure = account.ask_for(SUBJECT)
    erase(account, erasure)
    assert account.partitions["2026-11-27"] == shown["2026-11-27"]
    assert f"s3://lake/{version}broken" in receipt(account, erasure).unsearched
    assert account.partitions["2026-11-26"] != shown["2026-11-26"]


def test_a_plan_of_compaction_that_stands_is_done_behind_it(account: Versioned) -> None:
    curator = account.curator()
    curator.take({"step": "begin", "execution": "one"})
    known = {"execution": "one", "table": "app_log"}
    plan = curator.take({"step": "plan", **known})
    known["plan"] = plan["plan"]
    curator.take({"step": "cut", **known, "query": account.run(plan["count"])})
    before = others(account)
    erase(account, account.ask_for(SUBJECT))
    assert compact(account, account.curator()) == {"busy": False, "failed": []}
    assert account.curator().objects.plan("app_log") is None
    state = account.curator().objects.state("app_log")
    assert state.watermark == datetime(2026, 11, 27, 5, tzinfo=UTC)
    assert account.ask(ALL) == before
    account.now -= DAY
    asked = len(account.answers)
    compact(account, account.curator())
    assert len(account.answers) == asked


def test_the_machine_takes_the_steps_that_there_are_and_waits_as_compaction_does() -> None:
    found = dict(states())
    steps = {each["Arguments"]["step"] for each in found.values() if each["Type"] == "Task"}
    assert steps == {"begin", "prepare", "work", "settle", "break_off", "remove", "end"}
    assert found["WaitForQueries"]["Seconds"] == KEPT_FOR.total_seconds()
    assert found["Lanes"]["MaxConcurrency"] == LANES
    # Whatever fails, it is forgotten whom it was about.
    assert {found[name]["Next"] for name in ("SettleWhatIsDone", "Forget")} == {"Forget", "Failed"}
    said = [each["Arguments"] for each in found.values() if each["Type"] == "Task"]
    assert {name for each in said for name in each} == {"step", "id", "execution", "phase", "lane"}
    # Each says for whom, and none is tried again once another has taken over.
    assert all({"id", "execution"} <= each.keys() for each in said)
    assert {retries(step, "LockLost") for step in steps} == {0}
    assert {retries(step, "TailraceError") for step in steps} == {4}
