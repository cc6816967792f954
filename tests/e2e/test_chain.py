"""From CloudWatch Logs to the lake: what lands is what the embedded home makes of the bytes."""

import base64
import gzip
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.home import readable
from tests.e2e.cloud import LANDING, PARQUET, Cloud, opened
from tests.e2e.conftest import Sent
from tests.e2e.sample import APP, BROKEN, FLOWS, STREAM
from tests.homes import views

# When a record came, which is another moment in each.
OF_ARRIVAL = {"ingest_time"}
OF_REJECTS = ("source", "reason", "detail", "log_group", "log_stream", "raw_head")


def embedded(home: Path, table: str) -> list[dict[str, Any]]:
    """Rows of a table of a home, in the order of identities."""
    with (
        readable(home) as opened_home,
        views(opened_home.store, home / "lake", table) as connection,
    ):
        sql = f"SELECT * EXCLUDE (dt) FROM {table}"  # noqa: S608 - a table of ours
        return in_order(connection.sql(sql).to_arrow_table().to_pylist())


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what each arrival has for itself, in the order of identities."""
    kept = [{name: row[name] for name in row.keys() - OF_ARRIVAL} for row in rows]
    return sorted(kept, key=lambda row: (row["event_time"], row["record_id"]))


@pytest.mark.needs("logs.to_kinesis")
def test_a_subscription_brings_all_events_as_envelopes(target: Cloud, sent: Sent) -> None:
    for group, messages in ((FLOWS, sent.sample.flows), (APP, sent.sample.app)):
        envelopes = [opened(payload) for payload in sent.payloads[group]]
        events = [event for envelope in envelopes for event in envelope["logEvents"]]
        assert [event["message"] for event in events] == messages
        assert {(each["messageType"], each["logStream"]) for each in envelopes} == {
            ("DATA_MESSAGE", STREAM)
        }
        assert len({event["id"] for event in events}) == len(messages)


@pytest.mark.needs("kinesis.to_function")
def test_each_record_is_in_the_ledger_once(target: Cloud, sent: Sent) -> None:
    batches = target.landed("batch")
    events = {source: 0 for source in ("vpc-flow", "app-log")}
    for batch in batches:
        events[batch["source"]] += batch["events_in"]
    # What cannot be opened is one event, of the source that takes what nobody named.
    assert events == {"vpc-flow": len(sent.sample.flows), "app-log": len(sent.sample.app) + 1}


@pytest.mark.needs("function.rows")
@pytest.mark.parametrize("table", ["vpc_flow", "app_log"])
def test_rows_are_those_of_the_embedded_home(target: Cloud, home: Path, table: str) -> None:
    expected = embedded(home, table)
    assert len(expected) >= 4
    assert in_order(target.landed(table)) == expected


@pytest.mark.needs("function.rows")
def test_rejects_are_those_of_the_embedded_home(target: Cloud, home: Path) -> None:
    def told(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted(tuple(str(row[name]) for name in OF_REJECTS) for row in rows)

    found = [row for row in target.landed("reject") if row["log_group"] is not None]
    assert told(found) == told(embedded(home, "reject"))
    assert len(found) == 2


@pytest.mark.needs("function.quarantine")
def test_what_cannot_be_opened_is_kept_byte_for_byte(target: Cloud, sent: Sent) -> None:
    (row,) = [row for row in target.landed("reject") if row["log_group"] is None]
    # By day, so that a replay of some days lists no others.
    assert row["object"].startswith(f"app-log/dt={row['ingest_time']:%Y-%m-%d}/")
    kept = target.objects("QuarantineBucket")
    body = json.loads(gzip.decompress(kept[f"quarantine/{row['object']}"]))
    # As it came in the event, where it is base64 once more.
    assert base64.b64decode(base64.b64decode(body["payload"])) == BROKEN


@pytest.mark.needs("firehose.parquet")
def test_firehose_makes_parquet(target: Cloud, sent: Sent) -> None:
    contents = target.objects("LakeBucket", f"{LANDING}/vpc_flow/").values()
    assert {content[:4] for content in contents} == {PARQUET}


@pytest.mark.needs("firehose.prefix")
def test_firehose_puts_hours_of_arrival_into_prefixes(target: Cloud, sent: Sent) -> None:
    (key, *_) = target.objects("LakeBucket", f"{LANDING}/vpc_flow/")
    arrived = target.landed("vpc_flow")[0]["ingest_time"]
    found = re.match(rf"{LANDING}/vpc_flow/arrival_dt=([\d-]+)/arrival_hour=(\d\d)/", key)
    assert found, key
    # Firehose had it a moment after the stream, which may be the next hour.
    hour = datetime.fromisoformat(f"{found[1]}T{found[2]}:00")
    assert hour - timedelta(hours=1) <= arrived.replace(minute=0, second=0, microsecond=0) <= hour
