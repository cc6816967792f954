"""A compaction of a stage: what is shown before, in the midst of it, and behind it."""

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.curate import Curator, LockLost, NotEqual
from pipeline.curate.plan import FILE_BYTES, HOURS_AT_ONCE, Hour, Plan, State, done, hour_name
from pipeline.curate.statements import OWN, Fold, Slice, filled
from pipeline.curate.steps import Step, Told
from pipeline.lake.tables import all_tables
from tests.curate.account import LAKE, Account
from tests.curate.machine import EXECUTION, compact
from tests.curate.rows import Event, rows
from tests.infra.stack import Stack

MORNING = datetime(2026, 11, 27, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = "select dt, record_id, message, decoder_version from app_log order by all"


def landed(account: Account, name: str, at: datetime, *events: Event) -> None:
    account.land(at, name, rows(account.table, events))


def event(number: int, at: datetime = MORNING, **more: object) -> Event:
    return Event(at, number, **{"arrived": at, **more})  # type: ignore[arg-type]


@pytest.fixture
def account() -> Account:
    """Two hours that have closed and one that has not: repeats, a late event, a newer row."""
    made = Account()
    yesterday = MORNING - timedelta(days=1)
    landed(made, "a", MORNING, event(1), event(2), event(2), event(3, yesterday))
    landed(made, "b", MORNING + HOUR, event(2), event(4), event(1, decoder=2, text="newer"))
    landed(made, "c", MORNING + 8 * HOUR, event(5, MORNING + 8 * HOUR), event(4))
    return made


def test_answers_are_the_same_before_and_after(account: Account) -> None:
    before = account.ask(ALL)
    assert [row[1] for row in before] == [3, 1, 2, 4, 5]
    assert compact(account, account.curator()) == {"busy": False, "failed": []}
    assert account.ask(ALL) == before
    assert sorted(account.partitions) == ["2026-11-26", "2026-11-27"]


def test_landing_that_is_folded_is_not_read_any_more(account: Account) -> None:
    compact(account, account.curator())
    assert account.ask("select record_id from app_log_landing order by all") == [(4,), (5,)]


def test_what_is_not_said_of_a_view_is_not_written_to_it(account: Account) -> None:
    for view in account.views.values():
        view |= {"Owner": "", "Retention": 0}
    assert compact(account, account.curator()) == {"busy": False, "failed": []}
    assert [view.get("Owner") for view in account.views.values()] == [None, None]


def test_hours_that_have_not_closed_are_left_alone(account: Account) -> None:
    compact(account, account.curator())
    assert account.curator().objects.state("app_log").watermark == datetime(
        2026, 11, 27, 5, tzinfo=UTC
    )


def test_nothing_is_asked_of_athena_where_nothing_is_new(account: Account) -> None:
    compact(account, account.curator())
    account.did.clear()
    number = len(account.answers)
    assert compact(account, account.curator()) == {"busy": False, "failed": []}
    assert len(account.answers) == number
    assert not account.did["UpdateTable"] + account.did["UpdatePartition"]


def test_a_file_that_comes_late_into_a_closed_hour_is_folded_in(account: Account) -> None:
    compact(account, account.curator())
    landed(account, "late", MORNING, event(6), event(1))
    assert (6,) not in account.ask("select record_id from app_log")
    compact(account, account.curator())
    assert [row[1] for row in account.ask(ALL)] == [3, 1, 2, 4, 5, 6]
    assert account.ask("select count(*) from app_log where record_id = 1") == [(1,)]


def test_versions_that_are_shown_no_more_go_after_a_day(account: Account) -> None:
    compact(account, account.curator())
    first = {key for key in account.objects if "/curated/" in key}
    landed(account, "late", MORNING, event(6))
    compact(account, account.curator())
    assert first <= set(account.objects)
    account.now += 25 * HOUR
    compact(account, account.curator())
    assert not {key for key in first if "dt=2026-11-27" in key} & set(account.objects)
    assert [row[1] for row in account.ask(ALL)] == [3, 1, 2, 4, 5, 6]
    marks = {key.partition("unneeded/2026-11-27.")[2] for key in account.objects} - {""}
    assert not [key for key in first for mark in marks if f"curated_version={mark}/" in key]


def test_what_is_no_mark_stops_no_sweep(account: Account) -> None:
    for key in ("compaction/app_log/unneeded/", "compaction/app_log/unneeded/README"):
        account.objects[key] = b"", account.now - 25 * HOUR
    assert compact(account, account.curator()) == {"busy": False, "failed": []}


def test_a_version_that_lacks_an_event_is_never_shown(account: Account) -> None:
    curator = account.curator()
    before = account.ask(ALL)
    curator.take({"step": "begin", "execution": EXECUTION})
    known = {"execution": EXECUTION, "table": "app_log", "plan": ""}
    plan = curator.take({"step": "plan", **known})
    known["plan"] = plan["plan"]
    curator.take({"step": "cut", **known, "query": account.run(plan["count"])})
    known["day"] = "2026-11-27"
    fold = curator.take({"step": "fold", **known})
    (part,) = fold["parts"]
    write = filled(fold["write"], part)
    account.run(write.replace("copy_number = 1", "copy_number = 1 AND record_id <> 4"))
    queries = [account.run(filled(fold["prove"], part))]
    version = {"base": fold["base"], "version": fold["version"]}
    with pytest.raises(NotEqual, match="other rows came out than went in"):
        curator.take({"step": "swap", **known, **version, "queries": queries})
    assert not account.partitions
    assert account.ask(ALL) == before


def test_one_execution_at_a_time(account: Account) -> None:
    account.running = {EXECUTION, "other"}
    account.curator().take({"step": "begin", "execution": EXECUTION})
    said = compact(account, account.curator(), "other")
    assert said == {"busy": True, "by": EXECUTION, "tables": []}
    account.running = {"other"}
    assert compact(account, account.curator(), "other") == {"busy": False, "failed": []}


def test_of_two_that_begin_at_once_one_goes_on(account: Account) -> None:
    account.running = {"one", "two"}
    curator = account.curator()
    assert curator.objects.set_lock("one")
    assert not curator.objects.set_lock("two")
    tag = curator.objects.lock().tag
    assert curator.objects.set_lock("two", tag)
    assert not curator.objects.set_lock("three", tag)


def test_who_is_not_known_yet_may_run_for_an_hour(account: Account) -> None:
    account.unknown = {EXECUTION}
    account.curator().take({"step": "begin", "execution": EXECUTION})
    account.now += timedelta(minutes=59)
    assert compact(account, account.curator(), "other")["busy"]
    account.now += timedelta(minutes=1)
    assert compact(account, account.curator(), "other") == {"busy": False, "failed": []}


STEPS = ("plan", "cut", "fold", "swap", "publish", "sweep")


@pytest.mark.parametrize("name", STEPS)
def test_a_step_of_an_execution_that_was_taken_over_changes_nothing(
    account: Account, name: str
) -> None:
    compact(account, account.curator())
    account.curator().take({"step": "begin", "execution": "other"})
    there = dict(account.objects)
    account.did.clear()
    step = {"step": name, "execution": EXECUTION, "table": "app_log", "plan": "", "query": ""}
    with pytest.raises(LockLost, match="not the one at work"):
        account.curator().take(step)
    assert account.objects == there
    assert set(account.did) == {"GetObject"}


@pytest.mark.parametrize("name", STEPS)
def test_an_execution_that_has_ended_is_not_run_again_from_its_midst(
    account: Account, name: str
) -> None:
    compact(account, account.curator())
    step = {"step": name, "execution": EXECUTION, "table": "app_log", "plan": "", "query": ""}
    with pytest.raises(LockLost, match="not the one at work"):
        account.curator().take(step)


CHANGES = {"CreatePartition", "UpdatePartition", "UpdateTable", "DeleteObjects"}


@dataclass(frozen=True)
class TakenOver(Curator):
    """Another execution takes over behind a call, the last one before a step changes something."""

    account: Account
    step: str
    call: str

    def take(self, step: Step) -> Told:
        if step["step"] == self.step:
            self.account.before = self._take_over
        return super().take(step)

    def _take_over(self, name: str) -> None:
        if name != self.call:
            return
        self.account.before = lambda name: None
        assert self.objects.set_lock("other", self.objects.lock().tag)
        self.account.did.clear()


@pytest.mark.parametrize(
    ("step", "call"),
    [
        ("swap", "GetQueryResults"),
        ("publish", "ListObjectsV2"),
        ("sweep", "GetPartition"),
    ],
)
def test_who_is_taken_over_in_the_midst_of_a_step_changes_nothing_more(
    account: Account, step: str, call: str
) -> None:
    compact(account, account.curator())
    landed(account, "late", MORNING, event(6))
    compact(account, account.curator())
    account.now += 25 * HOUR
    taken = TakenOver(**vars(account.curator()), account=account, step=step, call=call)
    with contextlib.suppress(LockLost):
        compact(account, taken)
    assert account.curator().objects.lock().execution == "other"
    assert not CHANGES & set(account.did)


@pytest.mark.parametrize(("step", "call"), [("plan", "ListObjectsV2"), ("cut", "GetQueryResults")])
def test_who_is_taken_over_brings_no_plan_back_that_is_done(
    account: Account, step: str, call: str
) -> None:
    taken = TakenOver(**vars(account.curator()), account=account, step=step, call=call)
    with contextlib.suppress(LockLost):
        compact(account, taken)
    assert account.curator().objects.lock().execution == "other"
    assert "PutObject" not in account.did


def test_a_watermark_never_goes_back() -> None:
    late, mark = MORNING.replace(minute=0), MORNING.replace(minute=0) + HOUR
    plan = Plan("late", late, {hour_name(late - HOUR): Hour(1, 1, "")}, {})
    assert done(State(mark), plan, plan.hours, mark + 9 * HOUR).watermark == mark
    assert done(State(late - HOUR), plan, plan.hours, mark + 9 * HOUR).watermark == late


def test_who_ends_does_not_take_the_place_of_who_came_after(account: Account) -> None:
    account.curator().take({"step": "begin", "execution": EXECUTION})
    objects = account.curator().objects

    def take_over(name: str) -> None:
        if name == "PutObject":
            account.before = lambda name: None
            assert account.curator().objects.set_lock("other", objects.lock().tag)

    account.before = take_over
    account.curator().take({"step": "end", "execution": EXECUTION})
    assert objects.lock().execution == "other"


def test_where_files_are_written_nobody_looks(account: Account) -> None:
    compact(account, account.curator())
    folders = {key.rpartition("/hours=")[0] for key in account.objects if "/curated/" in key}
    shown = {
        described["StorageDescriptor"]["Location"].removeprefix(f"{LAKE}/").rstrip("/")
        for described in account.partitions.values()
    }
    assert {folder.removeprefix("lake/") for folder in folders} == shown


def test_no_table_has_a_column_of_the_statements_own() -> None:
    for table in all_tables().values():
        assert not {field.name for field in table} & set(OWN), table.name


def test_what_is_driven_again_from_the_dead_letter_queue_is_folded_in(account: Account) -> None:
    queue = Stack(LogRoute="s3").resources["InboxDeadLetters"]["Properties"]
    compact(account, account.curator())
    account.now += timedelta(seconds=queue["MessageRetentionPeriod"])
    landed(account, "again", MORNING, event(6))
    compact(account, account.curator())
    assert account.ask("select count(*) from app_log where record_id = 6") == [(1,)]


def test_an_answer_is_small_enough_for_the_state_machine() -> None:
    """256 KiB. The largest: each hour of a day a file of its own, and hours of 48 days to read."""
    for table in all_tables().values():
        account = Account(table)
        curator, day = account.curator(), f"{MORNING:%Y-%m-%d}"
        hours = [hour_name(MORNING - days * timedelta(days=1)) for days in range(HOURS_AT_ONCE)]
        plan = Plan(
            "plan",
            MORNING.replace(minute=0),
            dict.fromkeys(hours, Hour(1, 24 * FILE_BYTES, "")),
            {day: dict.fromkeys(range(24), 1)},
        )
        curator.objects.set_plan(table.name, plan)
        known = {"execution": EXECUTION, "table": table.name, "plan": plan.id}
        curator.take({"step": "begin", **known})
        said = curator.take({"step": "fold", **known, "day": day})
        assert len(said["parts"]) == 24
        assert len(json.dumps(said)) < 200 << 10
        tokens = [part["token"] for part in said["parts"]]
        assert len(set(tokens)) == 24
        assert all(32 <= len(f"{token}-write") <= 128 for token in tokens)


def test_hours_of_a_day_that_nobody_proved_are_not_shown(account: Account) -> None:
    curator = account.curator()
    known = {"execution": EXECUTION, "table": "app_log"}
    curator.take({"step": "begin", **known})
    plan = curator.take({"step": "plan", **known})
    known |= {"plan": plan["plan"], "day": "2026-11-27"}
    curator.take({"step": "cut", **known, "query": account.run(plan["count"])})
    fold = curator.take({"step": "fold", **known})
    fills = Fold(account.table, "2026-11-27", "v0", fold["version"], []).fills
    proofs = []
    for part in (Slice(0, 2), Slice(2, 24)):
        account.run(filled(fold["write"], fills(part)))
        proofs.append(account.run(filled(fold["prove"], fills(part))))
    version = {"base": fold["base"], "version": fold["version"]}
    for queries in (proofs[:1], proofs[1:], [proofs[0], *proofs], []):
        with pytest.raises(NotEqual, match="not each of its hours is proved once"):
            curator.take({"step": "swap", **known, **version, "queries": queries})
    curator.take({"step": "swap", **known, **version, "queries": proofs[::-1]})
    assert list(account.partitions) == ["2026-11-27"]
