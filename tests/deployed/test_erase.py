"""A person's data leaves a stack: quarantine and lake, with a receipt; the audit still balances."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import aws
from pipeline.deployed.erase import Hands, Progress, begin, holders, watch
from pipeline.deployed.erased import keys_since, receipt_keys
from pipeline.deployed.replay import reader
from pipeline.deployed.stage import Deployed, find
from pipeline.erase.receipt import DONE, UNFINISHED, WAITING, Holder, Receipt, Removed, decoded
from pipeline.erase.subject import of_address
from pipeline.errors import NotConfigured, TailraceError
from tests.carriers import ARRIVAL_MS, envelope, log_events
from tests.deployed.cloud import OUTPUTS
from tests.deployed.erasing import ARN, BACKFILL, KEPT, LAKE, Erasing
from tests.deployed.staging import END, HOUR_MS, NOW, SINCE, Staging, said
from tests.erase.homes import bad, bomb, line
from tests.homes import Ran, call
from tests.processed import context

HER, HIM = "203.0.113.9", "203.0.113.90"
SUBJECT = of_address(HER)
SALT = bytes(range(16))


def flow(number: int, source: str = HIM) -> bytes:
    return line(number, source, END)


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    """Rows and rejects of two in two hours; one event came twice, one row by two attempts."""
    made = Staging(tmp_path / "lake", Erasing())
    made.bring(flow(1) + flow(2, HER), flow(3, HER) + bad(HER) + bad(HIM))
    made.bring(flow(4), bad(HER), arrival_ms=ARRIVAL_MS + HOUR_MS)
    twice = envelope(log_events([flow(5, HER).decode().strip()]))
    made.bring(twice)
    made.bring(twice, arrival_ms=ARRIVAL_MS + HOUR_MS)
    return made


def cloud_of(staging: Staging) -> Erasing:
    assert isinstance(staging.cloud, Erasing)
    return staging.cloud


def hands(cloud: Erasing) -> Hands:
    session = cloud.session()
    deployed = find(session, "staging")
    return Hands(
        deployed,
        session.client("s3"),
        lambda: reader(session, deployed, "tailrace-erase"),
        session.client("stepfunctions"),
        context,
        NOW,
    )


def erased(staging: Staging, dry: bool = False) -> Receipt:
    """Erase her, as the command does."""
    with_them = hands(cloud_of(staging))
    begun = begin(with_them, SUBJECT, SALT, dry)
    done = watch(with_them, begun, _never)
    for file in staging.folder.rglob("*.parquet"):
        key = f"lake/{file.relative_to(staging.folder).as_posix()}"
        if (LAKE, key) not in staging.cloud.objects:
            file.unlink()
    staging.show()
    return done


def _never(seconds: float) -> None:
    raise AssertionError("nothing had to be waited for")


def sums(staging: Staging) -> list[tuple[int, int, int, int]]:
    """Of each hour: events in, rows, rejected, erased."""
    hours = staging.audited().hours
    assert not any(hour.unaccounted for hour in hours)
    return [(each.events_in, each.rows, each.rejected, each.erased) for each in hours]


def kept_lines(staging: Staging) -> list[bytes]:
    """What lies in the quarantine, inflated."""
    keys = staging.cloud.keys(KEPT)
    return [gzip.decompress(staging.cloud.objects[KEPT, key][0]) for key in keys]


def test_rows_and_refused_lines_go_and_the_audit_balances(staging: Staging) -> None:
    assert staging.wrong() == []
    assert sums(staging) == [(6, 4, 2, 0), (3, 2, 1, 0)]
    done = erased(staging)
    assert done.state == DONE
    assert (Removed("vpc_flow", "2026-11-25", 3) in done.rows, done.files) == (True, 5)
    assert staging.wrong() == []
    # The event that came twice is two rows of the ledger.
    assert sums(staging) == [(6, 1, 1, 4), (3, 1, 0, 2)]
    assert (done.quarantine.lines, done.quarantine.rewritten, done.quarantine.removed) == (2, 1, 1)
    assert len(kept_lines(staging)) == 1


def test_folders_that_somebody_made_in_the_console_are_no_objects_of_ours(
    staging: Staging,
) -> None:
    cloud = cloud_of(staging)
    for key in ("erasures/", "erasures/README", "erasures/zzz/", "lake/landing/vpc_flow/"):
        cloud.put(LAKE, key, b"")
        staging.shown.add(key)
    cloud.put(KEPT, "quarantine/", b"")
    done = erased(staging)
    assert (done.state, done.unsearched) == (DONE, ())
    assert sums(staging) == [(6, 1, 1, 4), (3, 1, 0, 2)]


@pytest.mark.parametrize("folder", ["vpc-flow", "oversize"])
def test_objects_that_nobody_can_search_are_named_and_the_others_are_erased(
    staging: Staging, folder: str
) -> None:
    odd = {"bomb": bomb(600), "garbage": gzip.compress(b"x")[:10] + b"\xff" * 20}
    if folder != "oversize":
        odd["deep"] = gzip.compress(b'{"lines": ' + b"[" * 100_000)
    names = [f"quarantine/{folder}/{name}.json.gz" for name in odd]
    for name, content in zip(names, odd.values(), strict=True):
        cloud_of(staging).put(KEPT, name, content)
    done = erased(staging)
    assert [each.removeprefix(f"s3://{KEPT}/") for each in done.unsearched] == sorted(names)
    assert (done.quarantine.lines, done.quarantine.removed) == (2, 1)


def test_nothing_of_it_is_left_in_any_version(staging: Staging) -> None:
    cloud = cloud_of(staging)
    # As a retry of the function does it: the same bytes again.
    for key in cloud.keys(KEPT):
        cloud.put(KEPT, key, cloud.objects[KEPT, key][0])
    erased(staging)
    assert all(len(cloud.versions[KEPT, key]) == 1 for key in cloud.keys(KEPT))
    assert cloud.holding(b'"203.0.113.9"') == []
    assert not [key for _, key in cloud.versions if key.startswith(("erasing/", "subjects/"))]
    assert not any(HER in each for each in cloud.inputs)


def test_the_receipt_says_what_still_holds_it_and_until_when(staging: Staging) -> None:
    done = erased(staging)
    kept = decoded(cloud_of(staging).objects[LAKE, f"erasures/{done.id}.json"][0])
    assert kept == done
    assert [(each.what.split(":")[0], each.until[:10]) for each in done.held_by][:3] == [
        ("what was on its way to the lake when it began, and lands later", "2026-11-25"),
        ("the stream, whose records a retry or a replay brings in again", "2026-11-26"),
        ("s3", "2027-01-01"),
    ]
    assert done.held_by[-1].until.startswith("you erase it there")


@pytest.mark.parametrize(
    ("output", "what", "until"),
    [
        (
            "CountersTable",
            "counters of the ranking in DynamoDB, whose keys and titles may name it",
            "some days after 2026-11-26T02:45:00Z, when they have expired",
        ),
        (
            "ViewsUrl",
            "the stream of page views, with the addresses of who viewed",
            "2026-11-26T23:30:00Z",
        ),
    ],
)
def test_what_page_views_and_rankings_leave_behind_is_told_where_there_are_any(
    output: str, what: str, until: str
) -> None:
    for there in (True, False):
        outputs = {**OUTPUTS, **({output: "x"} if there else {})}
        stack = Deployed("staging", "eu-west-1", "CREATE_COMPLETE", outputs, {})
        told = [each.until for each in holders(stack, NOW) if each.what == what]
        assert told == ([until] if there else [])


def test_a_dry_run_says_the_same_and_changes_nothing(staging: Staging) -> None:
    cloud = cloud_of(staging)
    before = {place: list(versions) for place, versions in cloud.versions.items()}
    told = erased(staging, dry=True)
    after = {place: list(versions) for place, versions in cloud.versions.items()}
    assert {place: ids for place, ids in after.items() if "lock" not in place[1]} == before
    done = erased(staging)
    assert (told.rows, told.files, told.quarantine) == (done.rows, done.files, done.quarantine)


def test_an_erasure_that_failed_is_named_and_goes_on_under_its_name(staging: Staging) -> None:
    cloud = cloud_of(staging)
    cloud.ends = ["FAILED"]
    with pytest.raises(TailraceError, match=r"the erasure .* has failed"):
        erased(staging)
    assert cloud.holding(b'"203.0.113.9"') == []
    notes = said(each for each in staging.audited().findings if each.kind == "erasure_unfinished")
    (name,) = [where for _, where, _ in notes]
    done = erased(staging)
    assert (done.id, done.state) == (name, DONE)
    # What had gone from the quarantine counts as well.
    assert done.quarantine.removed == 1
    assert staging.wrong() == []


def test_a_receipt_under_another_name_is_not_gone_on_with(staging: Staging) -> None:
    cloud = cloud_of(staging)
    cloud.ends = ["FAILED"]
    with pytest.raises(TailraceError, match=r"the erasure .* has failed"):
        erased(staging)
    (key,) = receipt_keys(cloud.keys(LAKE))
    content = cloud.objects[LAKE, key][0]
    for name in ("20261127T000000Z-00000000.json", "my copy.json", "20261127T000000Z-0.json"):
        cloud.put(LAKE, f"erasures/{name}", content)
    cloud.put(LAKE, "erasures/mine.json", b"what I have noted")
    del cloud.objects[LAKE, key]
    done = erased(staging)
    assert (f"erasures/{done.id}.json", done.state) == (key, DONE)
    assert done.quarantine.removed == 0


def test_one_that_failed_is_not_taken_for_done_before_its_state_says_so(staging: Staging) -> None:
    """A phase and what is told of it failed; it is forgotten already whom it was about."""
    cloud = cloud_of(staging)
    cloud.ends = ["RUNNING"]
    with_them = hands(cloud)
    begun = begin(with_them, SUBJECT, SALT)
    cloud.take(begun.id, begun.execution, "begin")
    cloud.take(begun.id, begun.execution, "end")
    assert cloud.holding(b'"203.0.113.9"') == []
    polls: list[float] = []

    def sleep(seconds: float) -> None:
        polls.append(seconds)
        if len(polls) == 2:
            cloud.executions[begun.execution] = "FAILED"

    with pytest.raises(TailraceError, match=r"the erasure .* has failed"):
        watch(with_them, begun, sleep)
    assert len(polls) == 2


def test_it_is_over_when_all_that_is_left_waits_for_queries(staging: Staging) -> None:
    cloud = cloud_of(staging)
    cloud.ends = ["RUNNING"]
    with_them = hands(cloud)
    begun = begin(with_them, SUBJECT, SALT)
    steps = ["end", "settle", "begin"]
    cloud.take(begun.id, begun.execution, steps.pop())
    cloud.put(LAKE, f"erasing/{begun.id}/held/vpc_flow/2026-11-25/v1", b"")

    def sleep(seconds: float) -> None:
        cloud.take(begun.id, begun.execution, steps.pop())

    done = watch(with_them, begun, sleep)
    assert (done.state, done.waiting, steps) == (WAITING, 1, [])
    # Broken off there, it goes on under its name, and is no more taken for done than at first.
    cloud.executions[begun.execution], cloud.ends = "ABORTED", ["RUNNING"]
    again = begin(replace(with_them, now=NOW + timedelta(hours=1)), SUBJECT, SALT[::-1])
    assert again.id == begun.id
    kept = decoded(cloud.objects[LAKE, f"erasures/{begun.id}.json"][0])
    assert kept.state == UNFINISHED


def test_a_backfill_that_runs_is_named_for_it_brings_in_more(staging: Staging) -> None:
    cloud = cloud_of(staging)
    cloud.outputs["BackfillMachineArn"] = BACKFILL
    cloud.executions[f"{BACKFILL.replace('stateMachine', 'execution')}:again-1"] = "RUNNING"
    held_by = erased(staging).held_by
    assert held_by[0] == Holder(
        "the backfill again-1, which brings in more: erase again then", "it has ended"
    )
    cloud.executions.clear()
    assert "backfill" not in str(erased(staging).held_by)


def test_another_erasure_may_begin_while_one_waits_for_queries(staging: Staging) -> None:
    cloud = cloud_of(staging)
    cloud.ends = ["RUNNING"]
    with_them = hands(cloud)
    first = begin(with_them, SUBJECT, SALT)
    second = begin(with_them, SUBJECT, SALT[::-1])
    assert first.id != second.id


def test_how_far_it_is_is_shown(staging: Staging) -> None:
    cloud = cloud_of(staging)
    cloud.ends = ["RUNNING"]
    with_them = hands(cloud)
    begun = begin(with_them, SUBJECT, SALT)
    shown: list[Progress] = []

    def sleep(seconds: float) -> None:
        cloud.put(LAKE, f"erasing/{begun.id}/landing/0/1.json", b"{}")
        if len(shown) == 2:
            cloud.executions[begun.execution] = "ABORTED"

    with pytest.raises(TailraceError, match="has aborted"):
        watch(with_them, begun, sleep, shown.append)
    assert shown == [Progress("", 0), Progress("landing", 1)]
    assert cloud.holding(b'"203.0.113.9"') == []


def test_a_replay_can_be_told_what_was_erased_of_late(staging: Staging) -> None:
    done = erased(staging)
    s3 = staging.cloud.session().client("s3")
    assert f"erasures/{done.id}.json" in list(keys_since(s3, LAKE, SINCE))
    assert list(keys_since(s3, LAKE, NOW.replace(year=2027))) == []


def test_a_stack_without_the_machine_is_to_be_deployed_anew(staging: Staging) -> None:
    cloud = cloud_of(staging)
    del cloud.outputs["EraseMachineArn"]
    with pytest.raises(NotConfigured, match="has no output EraseMachineArn"):
        begin(hands(cloud), SUBJECT, SALT)


def run_erase(staging: Staging, monkeypatch: pytest.MonkeyPatch, *words: str) -> Ran:
    monkeypatch.setattr(aws, "session", lambda target: staging.cloud.session())
    return call("erase", "--stage", "staging", "--ip", HER, *words)


def test_the_command_prints_the_receipt(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run_erase(staging, monkeypatch, "--yes")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0].startswith(f"address {HER}: ")
    assert "quarantine: 2 lines removed; 1 object rewritten, 1 object deleted" in lines
    assert f"{ARN.replace('stateMachine', 'execution')}:" in ran.err
    assert f"receipt: s3://{LAKE}/erasures/" in ran.err


def test_the_command_prints_json_and_asks_nobody_without_a_terminal(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run_erase(staging, monkeypatch)
    assert (ran.code, "give --yes" in ran.err) == (2, True)
    assert cloud_of(staging).inputs == []
    dry = run_erase(staging, monkeypatch, "--dry-run", "--json")
    assert json.loads(dry.out)["state"] == "planned"
