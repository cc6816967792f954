"""What Firehose may do to a call, done by a proxy before it: no row is lost, each is seen once."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from pipeline import aws
from pipeline.deployed.asking import Asking, athena_of
from pipeline.deployed.audit import audit
from pipeline.deployed.scope import Scope
from pipeline.deployed.stage import find
from pipeline.queries import Window
from pipeline.settings import Settings
from tests.e2e import proxy
from tests.e2e.cloud import Cloud, until
from tests.e2e.conftest import without_docker
from tests.e2e.proxy import Proxy
from tests.e2e.sample import APP, Sample
from tests.e2e.stages import Further
from tests.homes import Ran

# Few and large, since MiniStack takes 10 ms a row: five records of Firehose, in calls of 3 and 2.
COUNT = 24
LARGE = Random(1).randbytes(1000).hex() * 100
SHORT_S = 16
TABLE = "app_log"


@dataclass(frozen=True)
class Faulty:
    """A stage whose function reaches AWS through a proxy."""

    stage: Cloud
    proxy: Proxy

    def stream(self, table: str) -> str:
        """The name of the stream of a table."""
        return f"tailrace-{self.stage.name}-{table}"

    def send(self, count: int) -> None:
        """Put an envelope of large lines to the stage's stream."""
        sample = Sample(round(time.time() * 1000) - 30_000)
        lines = [f"line {n:03d} {LARGE}" for n in range(count)]
        self.stage.client("kinesis").put_record(
            StreamName=self.stage.outputs["StreamName"],
            Data=sample.envelope(APP, lines),
            PartitionKey="any",
        )

    def landed(self) -> list[str]:
        """How the lines begin that have landed, one for each copy, in order."""
        return sorted(row["message"][:8] for row in self.stage.landed("app_log"))

    def configure(self, timeout_s: int) -> None:
        """Give the function a time-out, and the proxy as its AWS."""
        client, name = self.stage.client("lambda"), self.stage.outputs["FunctionName"]
        given = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        changed = {**given, "AWS_ENDPOINT_URL": self.proxy.endpoint}
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": changed}, Timeout=timeout_s
        )
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


@pytest.fixture(scope="session")
def faulty(further: Further) -> Iterator[Faulty]:
    """A stage of its own, since what is sent here is nobody else's."""
    without_docker(further.target, "the proxy is on this machine's loopback")
    stage = further.stage("faults", LogGroups="")
    with proxy.before(stage.running.endpoint) as found:
        made = Faulty(stage, found)
        made.configure(300)
        yield made


@pytest.fixture(scope="session")
def survived(faulty: Faulty) -> Faulty:
    """The stage when it has come through every fault."""
    throttled = proxy.refused(400, "ThrottlingException")
    faulty.proxy.faults[faulty.stream(TABLE)].extend(
        (
            *(proxy.partial(0), proxy.refused(503, proxy.UNAVAILABLE), proxy.nothing_taken),
            *(proxy.lost, proxy.partial()),
            *(proxy.unreadable, proxy.cut, proxy.partial(-1), throttled),
        )
    )
    faulty.proxy.faults[faulty.stream("batch")].extend(
        (proxy.lost, proxy.refused(500, "InternalFailure"))
    )
    faulty.send(COUNT)
    # An entry is there before its answer, which is lost: done is what came through at last.
    entries = faulty.proxy.done[faulty.stream("batch")]
    until(lambda: True if len(entries) > 2 else None, "an entry that came through", 120)
    until(lambda: True if len(set(faulty.landed())) == COUNT else None, "all rows", 60)
    return faulty


def _athena(faulty: Faulty, *words: str) -> Ran:
    stage = faulty.stage.name
    return faulty.stage.tailrace("query", *words, "--engine", "athena", "--stage", stage)


@pytest.mark.needs("firehose.faults")
def test_only_what_was_refused_is_sent_again(survived: Faulty) -> None:
    calls = survived.proxy.done[survived.stream(TABLE)]
    assert calls == [3, 1, 1, 1, 1, 2, 2, 2, 1, 1]
    assert survived.proxy.done[survived.stream("batch")] == [1, 1, 1]
    assert not any(survived.proxy.faults.values())


@pytest.mark.needs("firehose.faults")
def test_no_row_is_lost_and_lost_answers_repeat_some(survived: Faulty) -> None:
    found = survived.landed()
    assert sorted(set(found)) == [f"line {n:03d}" for n in range(COUNT)]
    assert len(found) > COUNT


@pytest.mark.needs("firehose.faults", "athena.answers")
def test_the_view_has_each_row_once(survived: Faulty) -> None:
    sql = "SELECT count(*) AS n, count(DISTINCT substr(message, 1, 8)) AS different FROM app_log"
    ran = _athena(survived, "--sql", sql, "--full-scan", "--output", "jsonl")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == {"n": COUNT, "different": COUNT}


@pytest.mark.needs("firehose.faults", "stack.audit")
def test_the_audit_balances_after_faults(survived: Faulty) -> None:
    # `tailrace audit` leaves out a quarter of an hour, in which all of this came.
    session, now = aws.at(survived.stage.running.endpoint), datetime.now(UTC)
    deployed = find(session, survived.stage.name)
    asking = Asking(athena_of(session, Settings(), survived.stage.name))
    window = Window((now - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0), now)
    found = audit(Scope(deployed, session, asking, window, now))
    assert found.balanced, found.findings
    assert sum(hour.events_in for hour in found.hours) == COUNT


@pytest.mark.needs("firehose.faults", "esm.partial")
def test_what_is_refused_for_longer_than_an_invocation_lasts_comes_again(survived: Faulty) -> None:
    stream, before = survived.stream(TABLE), len(survived.landed())
    survived.configure(SHORT_S)
    survived.proxy.done[stream].clear()
    survived.proxy.faults[stream].extend([proxy.nothing_taken] * 20)
    survived.send(3)
    until(lambda: True if len(survived.landed()) > before else None, "rows at last", 240)
    assert survived.proxy.done[stream] == [1] * 21
    assert len(survived.landed()) == before + 3
