"""The audit of a stack: what it finds wrong with a lake that the function itself has filled.

Athena's part is played by DuckDB over the views that Glue is told of.
"""

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from pipeline.errors import UsageError
from pipeline.schema import BATCH
from pipeline.sources import find
from tests.carriers import ARRIVAL_MS, control, envelope, log_event, log_events
from tests.deployed.cloud import KEPT, LAKE
from tests.deployed.staging import HOUR_MS, NOW, Staging, lines, said

LATER_MS = ARRIVAL_MS + HOUR_MS
FLOW = lines(7).decode().strip()


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    """Five rows, two rejects, two drops in two hours; one event came twice."""
    made = Staging(tmp_path / "lake")
    made.bring(lines(1, 2), lines(3) + b"bad\n\n")
    made.bring(envelope(log_events([FLOW])))
    made.bring(envelope(log_events([FLOW])), b"bad alone\n", control(), arrival_ms=LATER_MS)
    return made


def without_first(rows: pa.Table) -> pa.Table:
    return rows.slice(1)


def one_more(column: str):
    def change(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index(column)
        return rows.set_column(place, rows.schema.field(place), pc.add(rows[column], 1))

    return change


def test_a_stack_in_which_all_is_there_balances(staging: Staging) -> None:
    found = staging.audited()
    hour = {"source": "vpc-flow", "balanced": True}
    first = {"hour": "2026-11-25T14:00:00Z", "events_in": 6, "rows": 4, "rejected": 1}
    second = {"hour": "2026-11-25T15:00:00Z", "events_in": 3, "rows": 1, "rejected": 1}
    assert found.as_json() == {
        "balanced": True,
        "hours": [
            {**hour, **first, "dropped": 1, "duplicates": 0},
            {**hour, **second, "dropped": 1, "duplicates": 1},
        ],
        "findings": [
            {
                "kind": "not_settled",
                "where": "since 2026-11-25T23:14:00Z",
                "detail": "what arrived in the last 16 minutes may be on its way, and is left out",
                "source": "",
                "hour": 0,
                "unbalances": False,
            }
        ],
    }


def test_only_tables_that_have_files_are_asked_about(staging: Staging) -> None:
    staging.audited()
    assert [about for about, _ in staging.lake.asked] == [
        "the audit of batch",
        "the audit of vpc_flow",
        "the audit of vpc_flow",
        "the audit of reject",
        "the audit of reject",
    ]


def test_a_file_that_landed_twice_changes_nothing(staging: Staging) -> None:
    for table in ("vpc_flow", "batch", "reject"):
        file = staging.files(table)[0]
        shutil.copy(file, file.with_name("again.parquet"))
    assert staging.wrong() == []


def test_a_row_that_is_missing_is_named_by_its_arrival(staging: Staging) -> None:
    staging.change("vpc_flow", without_first)
    assert staging.wrong() == [
        (
            "rows_missing",
            "vpc_flow, arrived 2026-11-25T14:00:00.250Z",
            "1 row fewer than the table batch says",
        )
    ]
    first, second = staging.audited().hours
    assert (first.balanced, first.duplicates) == (False, 0)
    assert (second.balanced, second.duplicates) == (True, 1)


def test_a_file_that_is_missing_is_rows_that_are_missing(staging: Staging) -> None:
    staging.files("vpc_flow")[2].unlink()
    assert staging.wrong() == [
        (
            "rows_missing",
            "vpc_flow, arrived 2026-11-25T15:00:00.250Z",
            "1 row fewer than the table batch says",
        )
    ]


def test_missing_rows_are_not_made_up_for_by_copies_of_others(staging: Staging) -> None:
    staging.change("vpc_flow", lambda rows: pa.concat_tables([rows.slice(1), rows.slice(1)]))
    assert staging.wrong() == [
        (
            "rows_missing",
            "vpc_flow, arrived 2026-11-25T14:00:00.250Z",
            "1 row fewer than the table batch says; of 1 the event may have come twice within a"
            " millisecond",
        )
    ]


@pytest.mark.parametrize("seed", range(3))
def test_as_many_rows_are_missed_as_were_taken(tmp_path: Path, seed: int) -> None:
    staging, random = Staging(tmp_path), Random(seed)
    for number in range(6):
        payload = lines(*range(random.randint(1, 20)))
        staging.bring(payload, payload, arrival_ms=ARRIVAL_MS + number * 1_200_000)
    wanted: Counter[str] = Counter()
    for number, file in enumerate(staging.files("vpc_flow")):
        rows = parquet.read_table(file, partitioning=None)
        left = pa.array([random.random() < 0.9 for _ in range(len(rows))])
        staging.change("vpc_flow", lambda rows, left=left: rows.filter(left), number)
        hour = file.parent.name.removeprefix("arrival_hour=")
        wanted[hour] += len(rows) - pc.sum(left).as_py()
    found = {
        datetime.fromtimestamp(each.hour * 3600, UTC).strftime("%H"): int(each.detail.split()[0])
        for each in staging.audited().findings
        if each.kind == "rows_missing"
    }
    assert found
    assert found == +wanted


def test_an_event_that_came_twice_within_a_millisecond_is_told_as_what_it_may_be(
    tmp_path: Path,
) -> None:
    staging = Staging(tmp_path)
    staging.bring(envelope(log_events([FLOW])), envelope(log_events([FLOW])))
    (finding,) = staging.wrong()
    assert finding[2].endswith("of 1 the event may have come twice within a millisecond")


def test_an_entry_whose_sums_do_not_hold_is_named(staging: Staging) -> None:
    staging.change("batch", one_more("events_in"), file=2)
    assert staging.wrong() == [
        (
            "sum",
            "vpc-flow, 2026-11-25T15:00:00Z",
            "the sums of 3 records do not hold, the first of them arrived"
            " 2026-11-25T15:00:00.250Z; 3 events are neither rows, rejects nor drops",
        )
    ]


def test_rows_without_an_entry_are_named_once_nobody_tries_their_record_any_more(
    staging: Staging,
) -> None:
    staging.files("batch")[0].unlink()
    staging.files("batch")[0].unlink()
    assert staging.wrong() == [
        (
            "entry_missing",
            "vpc_flow, arrived 2026-11-25T14:00:00.250Z",
            "3 rows of records that the table batch does not know",
        )
    ]
    early = staging.audited(now=datetime(2026, 11, 25, 16, 30, tzinfo=UTC))
    assert early.balanced
    assert said(early.findings)[0][2] == (
        "3 rows of records that the table batch does not know; they may still be tried"
    )


def test_a_row_is_not_missed_before_it_can_have_landed(staging: Staging) -> None:
    """The entry of a record that waited for hours lands by another stream than its rows."""
    landed = datetime(2026, 11, 25, 23, 20)

    def late(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index("landed_at")
        times = pa.array([landed] * len(rows), BATCH["landed_at"].type.arrow)
        return rows.set_column(place, rows.schema.field(place), times)

    staging.change("batch", late, file=2)
    staging.files("vpc_flow")[2].unlink()
    assert staging.wrong() == []


def test_what_arrived_within_the_last_minutes_is_left_out(staging: Staging) -> None:
    staging.files("vpc_flow")[2].unlink()
    found = staging.audited(now=datetime(2026, 11, 25, 15, 15, tzinfo=UTC))
    assert found.balanced
    assert [hour.name for hour in found.hours] == ["2026-11-25T14:00:00Z"]


def test_a_time_in_which_nothing_need_have_landed_is_refused(staging: Staging) -> None:
    with pytest.raises(UsageError, match="nothing that arrived since 14:00Z need have landed yet"):
        staging.audited(
            datetime(2026, 11, 25, 14, 5, tzinfo=UTC), datetime(2026, 11, 25, 14, 10, tzinfo=UTC)
        )


def test_an_event_of_landing_that_the_view_leaves_out_is_named(staging: Staging) -> None:
    """A watermark that was moved before curated had it all."""
    staging.watermark = datetime(2026, 11, 25, 15, tzinfo=UTC)
    day = staging.folder / "curated" / "vpc_flow" / "dt=2026-11-25"
    day.mkdir(parents=True)
    files = staging.files("vpc_flow")[:2]
    rows = pa.concat_tables(parquet.read_table(file, partitioning=None) for file in files)
    parquet.write_table(rows.slice(1), day / "v1.parquet")
    for table in ("batch", "reject"):
        curated = staging.folder / "curated" / table / "dt=2026-11-25"
        curated.mkdir(parents=True)
        for number, file in enumerate(staging.files(table)):
            shutil.copy(file, curated / f"{number}.parquet")
    (finding,) = staging.wrong()
    assert finding == (
        "view_missing",
        "vpc_flow, event_time 2026-11-25T14:00:00.000Z",
        "1 event in landing, and not in the view",
    )
    parquet.write_table(pa.concat_tables([rows, rows.slice(2, 1)]), day / "v1.parquet")
    (finding,) = staging.wrong()
    assert finding == (
        "view_repeated",
        "vpc_flow, event_time 2026-11-25T14:00:00.000Z",
        "1 event in the view more than once",
    )


def test_a_reject_that_is_missing_is_named(staging: Staging) -> None:
    staging.files("reject")[0].unlink()
    assert staging.wrong() == [
        (
            "reject",
            "vpc-flow, 2026-11-25T14:00:00Z",
            "1 reject fewer than the table batch says",
        )
    ]


def test_more_rejects_than_were_told_of_are_named(staging: Staging) -> None:
    staging.change("batch", lambda rows: _less(rows, "rejected"), file=0)
    assert ("reject", "vpc-flow, 2026-11-25T14:00:00Z") in [
        (kind, where) for kind, where, _ in staging.wrong()
    ]


def _less(rows: pa.Table, column: str) -> pa.Table:
    place = rows.schema.get_field_index(column)
    return rows.set_column(place, rows.schema.field(place), pc.multiply(rows[column], 0))


def test_an_object_that_a_reject_names_and_is_not_there_is_named(staging: Staging) -> None:
    key = staging.cloud.keys(KEPT)[0]
    del staging.cloud.objects[KEPT, key]
    assert staging.wrong() == [("object_missing", f"s3://{KEPT}/{key}", "it held 1 reject")]


def test_objects_are_found_over_all_pages_of_a_list(staging: Staging) -> None:
    staging.cloud.page = 1
    assert staging.wrong() == []


def test_objects_past_their_days_are_not_missed(staging: Staging) -> None:
    staging.cloud.objects = {
        place: stored for place, stored in staging.cloud.objects.items() if place[0] != KEPT
    }
    found = staging.audited(now=NOW + timedelta(days=31))
    assert found.balanced
    assert ("expired", "quarantine") in [each[:2] for each in said(found.findings)]


@pytest.mark.fault("F20")
def test_a_file_that_is_no_parquet_is_named_and_so_is_what_it_hides(staging: Staging) -> None:
    place = "lake/landing/vpc_flow/arrival_dt=2026-11-25/arrival_hour=14"
    staging.cloud.put(LAKE, f"{place}/half.parquet", b"PAR1")
    staging.show()
    damaged, unreadable = staging.wrong()
    assert damaged == (
        "file_damaged",
        f"s3://{LAKE}/{place}/half.parquet",
        "4 bytes are no Parquet: delete it, or queries may fail",
    )
    assert unreadable[:2] == ("table_unreadable", "vpc_flow")


@pytest.mark.fault("F21")
def test_hidden_files_in_the_lake_are_passed_over(staging: Staging) -> None:
    place = "lake/landing/vpc_flow/arrival_dt=2026-11-25/arrival_hour=14"
    staging.cloud.put(LAKE, f"{place}/_SUCCESS", b"")
    staging.cloud.put(LAKE, f"{place}/.x.parquet", b"")
    staging.cloud.put(LAKE, f"{place}/", b"")
    assert staging.wrong() == []


def test_a_source_of_a_newer_version_is_named(staging: Staging) -> None:
    def renamed(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index("source")
        return rows.set_column(place, "source", pa.array(["door-log"] * len(rows)))

    staging.change("batch", renamed, file=2)
    assert ("source_unknown", "door-log") in [each[:2] for each in staging.wrong()]


def test_files_that_were_given_up_are_told_where_logs_come_as_files(staging: Staging) -> None:
    staging.cloud.outputs["LogRoute"] = "s3"
    held = {"QueueArn": "arn:aws:sqs:eu-west-1:1:dead"}
    staging.cloud.said["GetQueueUrl"] = {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/dead"}
    staging.cloud.said["GetQueueAttributes"] = {
        "Attributes": held | {"ApproximateNumberOfMessages": "2"}
    }
    ((kind, where, detail),) = staging.wrong()
    assert (kind, where) == ("given_up", "tailrace-staging-inbox-dead")
    assert detail == (
        "2 messages about files given up; bring them back: aws sqs start-message-move-task"
        " --source-arn arn:aws:sqs:eu-west-1:1:dead"
    )
    staging.cloud.said["GetQueueAttributes"] = {
        "Attributes": held | {"ApproximateNumberOfMessages": "0"}
    }
    assert staging.wrong() == []


# What CloudWatch Logs sends straight to the function: a retry is another arrival of the same.


def two_events() -> bytes:
    return envelope([log_event(FLOW, 1), log_event(FLOW, 2)])


def test_an_invocation_that_is_repeated_whole_is_counted_once(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    staging.bring_logs(two_events(), ARRIVAL_MS)
    staging.bring_logs(two_events(), ARRIVAL_MS + 60_000)
    found = staging.audited()
    assert found.balanced
    (hour,) = found.hours
    assert (hour.events_in, hour.rows, hour.duplicates) == (2, 2, 0)


def test_an_invocation_that_died_half_way_and_came_again_balances(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    staging.bring_logs(two_events(), ARRIVAL_MS)
    staging.change("vpc_flow", without_first)
    staging.files("batch")[0].unlink()
    staging.bring_logs(two_events(), LATER_MS)
    found = staging.audited()
    assert found.balanced
    assert [(hour.name[11:13], hour.rows, hour.duplicates) for hour in found.hours] == [
        ("15", 2, 1)
    ]


def test_a_repeated_invocation_is_held_to_its_own_word(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    staging.bring_logs(two_events(), ARRIVAL_MS)
    staging.bring_logs(two_events(), LATER_MS)
    staging.files("vpc_flow")[1].unlink()
    assert staging.wrong() == [
        (
            "rows_missing",
            "vpc_flow, arrived 2026-11-25T15:00:00.250Z",
            "2 rows fewer than the table batch says",
        )
    ]


def test_rows_of_an_invocation_that_never_came_to_its_end_are_named(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    staging.bring_logs(two_events(), ARRIVAL_MS)
    staging.bring_logs(envelope(log_events([FLOW])), ARRIVAL_MS + 60_000)
    staging.files("batch")[0].unlink()
    assert [each[:2] for each in staging.wrong()] == [
        ("entry_missing", "vpc_flow, arrived 2026-11-25T13:50:00.000Z")
    ]


def test_all_sources_have_a_table_of_their_own_name() -> None:
    """By it rows of a table are held to what `batch` says of a source."""
    assert find("vpc-flow").table.name == "vpc_flow"
