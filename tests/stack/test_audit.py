"""The audit of a stack: each thing that can be wrong is named; real SQL over rows of our own."""

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipeline.ledger.findings import Audit
from pipeline.schema import BATCH, REJECT
from pipeline.settings import Delivery
from pipeline.sources import all_sources
from pipeline.stack.audit import audit, period_of
from pipeline.stack.remains import Remains
from tests.stack.account import Account

NOW = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
SINCE = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ARRIVED = datetime(2026, 11, 25, 14, 0, 0, 250_000)
DELIVERY = Delivery(
    "firehose", "tailrace-staging-", "s3://lake-bucket/lake", "s3://kept-bucket/quarantine"
)
OBJECT = "vpc-flow/dt=2026-11-25/0003-77-abc.json.gz"


class Lake:
    """Tables of a stack as Athena would show them; one record of three rows and a reject in it."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.account = Account()
        for name, schema in self._tables().items():
            self.connection.register("empty", schema.empty_table())
            self.connection.execute(f'create table "{name}" as select * from empty')  # noqa: S608 - own names
        for record_id in (1, 2, 3):
            self.land(record_id)
            self.show(record_id)
        self.enter(events_in=4, rows=3, rejected=1)
        self.refuse()
        self.account.put(f"s3://kept-bucket/quarantine/{OBJECT}", b"x", NOW)

    def _tables(self) -> dict[str, pa.Schema]:
        day = pa.field("dt", pa.string())
        found = {table.name: table.arrow_schema.append(day) for table in (BATCH, REJECT)}
        for source in all_sources().values():
            table = source.table
            arrival = pa.field("arrival_dt", pa.string())
            found[table.name] = table.arrow_schema.append(day)
            found[f"{table.name}_landing_files"] = table.arrow_schema.append(arrival)
        return found

    def ask(self, sql: str) -> list[Mapping[str, Any]]:
        return self.connection.sql(sql).to_arrow_table().to_pylist()

    def insert(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        insert = f'insert into "{table}" ({names}) values ({marks})'  # noqa: S608 - own names
        self.connection.execute(insert, list(values.values()))

    def land(self, record_id: int, arrived: datetime = ARRIVED, event: datetime = ARRIVED) -> None:
        self.insert(
            "vpc_flow_landing_files",
            event_time=event,
            record_id=record_id,
            ingest_time=arrived,
            arrival_dt=f"{arrived:%Y-%m-%d}",
        )

    def show(self, record_id: int, event: datetime = ARRIVED) -> None:
        self.insert("vpc_flow", event_time=event, record_id=record_id, dt=f"{event:%Y-%m-%d}")

    def enter(
        self, *, arrived: datetime = ARRIVED, landed: datetime = ARRIVED, **said: int
    ) -> None:
        numbers = {"events_in": 0, "rows": 0, "rejected": 0, "dropped": 0} | said
        self.insert(
            "batch",
            event_time=arrived,
            record_id=9,
            dt="2026-11-25",
            source="vpc-flow",
            landed_at=landed,
            **numbers,
        )

    def refuse(self, key: str = OBJECT) -> None:
        self.insert(
            "reject",
            event_time=ARRIVED,
            record_id=4,
            dt="2026-11-25",
            source="vpc-flow",
            reason="type",
            object=key,
        )

    def audit(self) -> Audit:
        remains = Remains(self.account.session().client("s3"), DELIVERY, SINCE)
        return audit(self.ask, period_of(SINCE, NOW), remains)


@pytest.fixture
def lake() -> Iterator[Lake]:
    made = Lake()
    yield made
    made.connection.close()


def said(found: Audit) -> list[tuple[str, str]]:
    return [(finding.kind, finding.detail) for finding in found.findings]


def test_what_is_whole_balances(lake: Lake) -> None:
    found = lake.audit()
    assert found.balanced
    assert found.as_json() == {
        "balanced": True,
        "hours": [
            {
                "hour": "2026-11-25T14:00:00Z",
                "source": "vpc-flow",
                "events_in": 4,
                "rows": 3,
                "rejected": 1,
                "dropped": 0,
                "duplicates": 0,
                "balanced": True,
            }
        ],
        "findings": [],
    }


def test_a_retry_that_landed_twice_is_no_finding(lake: Lake) -> None:
    for record_id in (1, 2, 3):
        lake.land(record_id)
    found = lake.audit()
    assert (found.balanced, found.hours[0].duplicates) == (True, 0)


def test_an_event_that_came_in_two_records_is_a_repeat(lake: Lake) -> None:
    again = ARRIVED + timedelta(minutes=70)
    lake.land(2, again)
    lake.enter(arrived=again, landed=again, events_in=1, rows=1)
    found = lake.audit()
    assert found.balanced
    assert [(hour.name, hour.duplicates) for hour in found.hours] == [
        ("2026-11-25T14:00:00Z", 0),
        ("2026-11-25T15:00:00Z", 1),
    ]


def test_a_row_that_is_not_in_landing_is_found(lake: Lake) -> None:
    lake.connection.execute("delete from vpc_flow_landing_files where record_id = 2")
    found = lake.audit()
    assert said(found) == [
        (
            "landing",
            "1 of 3 rows are not in landing (or came twice in one millisecond)",
        )
    ]
    assert (found.balanced, found.hours[0].balanced) == (False, False)


def test_rows_of_the_last_minutes_may_still_be_on_their_way(lake: Lake) -> None:
    late = datetime(2026, 11, 25, 15, 40)
    lake.enter(arrived=late, landed=late, events_in=5, rows=5)
    assert lake.audit().balanced


def test_a_late_event_lies_in_a_day_long_ago(lake: Lake) -> None:
    long_ago = datetime(2026, 9, 1, 3, 0)
    lake.land(7, ARRIVED, long_ago)
    assert said(lake.audit()) == [("view", "1 events that have landed are not in the view")]
    lake.show(7, long_ago)
    assert lake.audit().balanced


def test_an_event_that_the_view_has_twice_is_found(lake: Lake) -> None:
    lake.show(3)
    assert said(lake.audit()) == [("view", "1 events that have landed are there twice")]


def test_numbers_that_do_not_add_up_are_found(lake: Lake) -> None:
    lake.connection.execute("update batch set dropped = 1")
    assert said(lake.audit()) == [("ledger", "1 records whose numbers do not add up")]


def test_a_reject_that_is_not_in_its_table_is_found(lake: Lake) -> None:
    lake.connection.execute("delete from reject")
    assert said(lake.audit()) == [("reject", "1 of 1 rejects are not in the table reject")]


def test_an_object_of_the_quarantine_that_is_gone_is_found(lake: Lake) -> None:
    del lake.account.objects["kept-bucket", f"quarantine/{OBJECT}"]
    found = lake.audit()
    assert said(found) == [("quarantine", "a reject names it, and it is not there")]
    assert found.findings[0].where == OBJECT


def error_object(*failed: tuple[str, bytes]) -> bytes:
    """As Firehose writes it: a line of JSON for each record that failed."""
    return b"".join(
        json.dumps(
            {
                "attemptsMade": 1,
                "arrivalTimestamp": 1_795_615_200_250,
                "errorCode": code,
                "errorMessage": "no",
                "attemptEndingTimestamp": 1_795_615_260_250,
                "rawData": base64.b64encode(raw).decode(),
            }
        ).encode()
        + b"\n"
        for code, raw in failed
    )


ERRORS = "s3://lake-bucket/errors/vpc_flow/format-conversion-failed/dt=2026-11-25/x"


@pytest.mark.fault("F19")
def test_what_firehose_could_not_write_is_found(lake: Lake) -> None:
    content = error_object(
        ("DataFormatConversion.ParseError", b'{"a":1}\n{"a":2}\n'),
        ("DataFormatConversion.MalformedData", b"{"),
    )
    lake.account.put(ERRORS, content + b"no JSON\n", NOW)
    found = lake.audit()
    assert said(found) == [
        (
            "firehose",
            "Firehose could not write vpc_flow: 2 x DataFormatConversion.ParseError,"
            " 1 x DataFormatConversion.MalformedData, 1 x unreadable;"
            " tailrace replay --failed sends it again",
        )
    ]
    assert found.findings[0].where == ERRORS
    lake.account.put(f"{ERRORS}.replayed", b"1", NOW)
    assert lake.audit().balanced


@pytest.mark.fault("F2")
def test_what_lambda_gave_up_is_found(lake: Lake) -> None:
    uri = "s3://kept-bucket/aws/lambda/1f2e/shardId-000000000000/2026/11/25/x"
    lake.account.put(uri, b"{}", NOW)
    found = lake.audit()
    assert [finding.where for finding in found.findings] == [uri]
    assert not found.balanced


def test_what_was_left_before_the_period_is_left_out(lake: Lake) -> None:
    lake.account.put(ERRORS, error_object(("x", b"{}\n")), SINCE - timedelta(seconds=1))
    assert lake.audit().balanced
