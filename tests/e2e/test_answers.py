"""Athena's answers about what came all the way, by the commands that people use."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.stack import ROOT
from pipeline.queries import catalogue
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import Sent
from tests.homes import Ran, run

TABLES = ("vpc_flow", "app_log")
# They ask when records came, which was another moment in each, or for all that is refused.
OF_ARRIVAL = {
    *("flow_health", "freshness", "intake", "intake_over_time", "lag", "lag_by_stage"),
    *("rejects", "rejects_over_time", "source_activity"),
}
# It divides whole numbers: see the probe of athena.trino.
OF_DIVISION = {"traffic_over_time"}
SAVED = sorted(catalogue.load().keys() - OF_ARRIVAL - OF_DIVISION)
# The sample has no logs for the others: of them only the way through empty views is shown.
ANSWERED = {
    "app_errors",
    "duplicates",
    "egress_internet",
    "error_messages",
    "flow_gaps",
    "lambda_memory",
    "lambda_performance",
    "long_flows",
    "network_pairs",
    "new_destinations",
    "protocol_mix",
    "rejected_ports",
    "rejected_sources",
    "row_counts",
    "top_interfaces",
    "top_pairs",
    "top_talkers",
    "traffic_by_action",
}


def in_athena(target: Cloud, *words: str) -> Ran:
    return target.tailrace("query", *words, "--engine", "athena", "--stage", target.target)


def rows(ran: Ran) -> list[dict[str, Any]]:
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """A row without its arrival; maps as Athena writes them, which says no more of them."""
    return {name: as_text(value) for name, value in row.items() if name != "ingest_time"}


def as_text(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return f"{{{', '.join(f'{name}={text}' for name, text in value.items())}}}"


@pytest.mark.needs("athena.answers")
@pytest.mark.parametrize("table", TABLES)
def test_athena_answers_what_the_embedded_home_answers(
    target: Cloud, home: Path, table: str
) -> None:
    sql = f"SELECT * FROM {table} ORDER BY event_time, record_id"  # noqa: S608 - a table of ours
    words = ("--sql", sql, "--output", "jsonl")
    expected = rows(run("query", *words, "--home", home))
    found = rows(in_athena(target, *words, "--full-scan"))
    assert len(found) >= 4
    assert [comparable(row) for row in found] == [comparable(row) for row in expected]


@pytest.mark.needs("athena.saved")
@pytest.mark.parametrize("name", SAVED)
def test_a_saved_query_answers_what_it_does_at_home(target: Cloud, home: Path, name: str) -> None:
    words = (name, "--since", "2h", "--output", "jsonl")
    expected = rows(run("query", *words, "--home", home))
    assert bool(expected) == (name in ANSWERED)
    assert rows(in_athena(target, *words)) == expected


@pytest.mark.needs("make.query")
def test_make_query_asks_athena(target: Cloud, home: Path) -> None:
    made = ("NAME=top_talkers", "SINCE=2h", "OUTPUT=jsonl")
    ran = subprocess.run(
        ["make", "query", *made, "ENGINE=athena", f"STAGE={target.target}"],  # noqa: S607 - as people do
        cwd=ROOT,
        env=target.running.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    expected = rows(
        run("query", "top_talkers", "--since", "2h", "--output", "jsonl", "--home", home)
    )
    assert len(expected) >= 2
    assert rows(Ran(ran.returncode, ran.stdout, ran.stderr)) == expected


@pytest.mark.needs("wrangler.lake")
def test_awswrangler_reads_lake_and_catalogue(
    target: Cloud, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    import awswrangler as wrangler
    import boto3

    for name, text in target.running.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, text)
    session = boto3.Session(region_name="us-east-1")
    path = f"s3://{target.outputs['LakeBucket']}/lake/landing/vpc_flow/"
    frame = wrangler.s3.read_parquet(path, dataset=True, boto3_session=session)
    assert len(frame) == len(target.landed("vpc_flow"))
    assert {"arrival_dt", "arrival_hour"} <= set(frame.columns)
    types = wrangler.catalog.get_table_types(
        "tailrace_ministack", "vpc_flow_landing_files", boto3_session=session
    )
    assert types["bytes"] == "bigint"
    assert types["extra"] == "map<string,string>"
