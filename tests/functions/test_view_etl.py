"""The function of page views as Lambda calls it: a process of its own, services on loopback."""

import base64
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.beacon import Seen, visitor
from pipeline.counters.table import CountersTable
from tests.carriers import ARRIVAL_MS, kinesis_event
from tests.counters.account import TABLE, Account, Refused
from tests.functions.services import Services, serving
from tests.functions.test_log_etl import RUNTIME, STREAMS, environ

ROOT = Path(__file__).parents[2]
KEY, ADDRESS = bytes(range(32)), "203.0.113.9"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789010:secret:tailrace-staging-visitors"  # noqa: S105 - a name


def record(body: bytes) -> bytes:
    """A record of API Gateway."""
    told = {"at": ARRIVAL_MS, "id": "1", "ip": ADDRESS, "kind": "text/plain"}
    return json.dumps(told | {"body": base64.b64encode(body).decode()}).encode()


def call(services: Services, *payloads: bytes) -> subprocess.CompletedProcess[str]:
    return called(services, kinesis_event(payloads))


def called(services: Services, *events: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Call the function with some events; it counts where there is a table."""
    given = environ(
        services,
        TAILRACE_SOURCES='{"*": "page-view"}',
        TAILRACE_FORMATS='{"page-view": "id"}',
        TAILRACE_DELIVERY_VISITOR_SECRET=SECRET,
        TAILRACE_COUNTERS_TABLE=TABLE if services.tables else "",
    )
    return subprocess.run(
        [sys.executable, "-B", "-c", RUNTIME.replace("log_etl", "view_etl")],
        input="".join(json.dumps(each) + "\n" for each in events),
        capture_output=True,
        text=True,
        env=given,
        cwd=ROOT,
        timeout=120,
        check=False,
    )


def counted(account: Account) -> dict[str, int]:
    """Views by page, as the table has them."""
    found: Counter[str] = Counter()
    for each in CountersTable(account.client, TABLE).counts("page", 0):
        found.update(dict(zip(each.keys, each.counts.tolist(), strict=True)))
    return found


def rows(services: Services, table: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for name, records in services.calls
        if name == f"{STREAMS}{table}"
        for each in records
        for line in each.splitlines()
    ]


def test_views_reach_firehose_and_what_is_none_the_quarantine_without_an_address() -> None:
    with serving() as services:
        services.secrets[SECRET] = KEY.hex()
        view = b'{"path": "/news?id=7&utm=x"}'
        ran = call(services, record(view), record(b"no view"), b"no record")
    assert ran.returncode == 0, ran.stderr[-3000:]
    *logged, last = [json.loads(line) for line in ran.stdout.splitlines()]
    assert last["answers"] == [{"batchItemFailures": []}]
    (row,) = rows(services, "page_view")
    assert row["page"] == "/news?id=7"
    assert row["visitor"] == visitor(Seen(ARRIVAL_MS, ADDRESS, ""), KEY)
    assert len(rows(services, "reject")) == 2
    assert {key.partition("/dt=")[0] for key in services.objects} == {"kept/quarantine/page-view"}
    everything = repr([services.calls, services.objects, logged, ran.stderr])
    assert ADDRESS not in everything
    assert base64.b64encode(record(view)).decode()[:80] not in everything
    assert KEY.hex() not in everything


@pytest.mark.parametrize("secret", ["", "no hexadecimal digits", KEY.hex()[2:]])
def test_without_a_key_nothing_is_taken_and_the_batch_comes_again(secret: str) -> None:
    with serving() as services:
        services.secrets[SECRET] = secret
        ran = call(services, record(b'{"path": "/"}'))
    assert ran.returncode != 0
    assert "the key of visitors is none" in ran.stderr + ran.stdout
    assert (services.calls, services.objects) == ([], {})
    assert not secret or secret not in ran.stderr + ran.stdout


def half(event: dict[str, Any], first: int, last: int) -> dict[str, Any]:
    """Some records of an event, as Lambda brings them again."""
    return {"Records": event["Records"][first:last]}


def test_views_are_counted_once_however_their_batch_comes_again() -> None:
    whole = kinesis_event([record(b'{"path": "/%d"}' % (n % 2)) for n in range(4)])
    events = [half(whole, 0, 3), half(whole, 0, 1), half(whole, 1, 4), whole]
    account = Account()
    with serving() as services:
        services.secrets[SECRET], services.tables = KEY.hex(), account
        ran = called(services, *events)
    assert ran.returncode == 0, ran.stderr[-3000:]
    answers = json.loads(ran.stdout.splitlines()[-1])["answers"]
    assert answers == [{"batchItemFailures": []}] * 4
    assert counted(account) == {"/0": 2, "/1": 2}
    assert account.did["TransactWriteItems"] == 2
    # Landing has what came again again; the view has it once.
    assert len(rows(services, "page_view")) == 11


def test_what_cannot_be_counted_is_delivered_and_reported() -> None:
    account, event = Account(), kinesis_event([record(b'{"path": "/"}')])

    def refuse(name: str) -> None:
        raise Refused("ResourceNotFoundException", "Requested resource not found")

    account.before = refuse
    with serving() as services:
        services.secrets[SECRET], services.tables = KEY.hex(), account
        ran = called(services, event)
    assert ran.returncode == 0, ran.stderr[-3000:]
    *logged, last = [json.loads(line) for line in ran.stdout.splitlines()]
    sequence = event["Records"][0]["kinesis"]["sequenceNumber"]
    assert last["answers"] == [{"batchItemFailures": [{"itemIdentifier": sequence}]}]
    assert [each["reason"] for each in logged if each.get("message") == "not delivered"] == [
        f"DynamoDB: Requested resource not found\n  table {TABLE}\n  run it again"
    ]
    assert len(rows(services, "page_view")) == 1
