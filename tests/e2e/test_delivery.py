"""What Firehose may do to a call, done by a proxy before it: no row is lost, each is seen once."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e import proxy
from tests.e2e.cloud import Cloud, until
from tests.e2e.proxy import Proxy
from tests.e2e.sample import FLOWS, Sample
from tests.e2e.stages import Further
from tests.homes import Ran

# Five records of Firehose, in calls of three and two.
COUNT = 5_000
SHORT_S = 16


@dataclass(frozen=True)
class Faulty:
    """A stage whose function reaches Firehose through a proxy."""

    stage: Cloud
    proxy: Proxy

    def stream(self, table: str) -> str:
        """The name of the stream of a table."""
        return f"tailrace-{self.stage.name}-{table}"

    def send(self, count: int) -> None:
        """Put an envelope of flow logs to the stage's stream."""
        sample = Sample(round(time.time() * 1000) - 30_000)
        end = sample.now_ms // 1000 - 60
        head = "2 123456789010 eni-1235b8ca123456789"
        lines = [
            f"{head} 10.{n // 256}.{n % 256}.1 198.51.100.7 443 {1024 + n} 6 10 {1000 + n}"
            f" {end - 60} {end} ACCEPT OK"
            for n in range(count)
        ]
        self.stage.client("kinesis").put_record(
            StreamName=self.stage.outputs["StreamName"],
            Data=sample.envelope(FLOWS, lines),
            PartitionKey="any",
        )

    def configure(self, timeout_s: int) -> None:
        """Give the function a time-out, and the proxy for Firehose."""
        client, name = self.stage.client("lambda"), self.stage.outputs["FunctionName"]
        given = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        changed = {**given, "AWS_ENDPOINT_URL_FIREHOSE": self.proxy.endpoint}
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": changed}, Timeout=timeout_s
        )
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


@pytest.fixture(scope="session")
def faulty(further: Further) -> Iterator[Faulty]:
    """A stage of its own, since what is sent here is nobody else's."""
    stage = further.stage("faults", LogGroups="")
    with proxy.before(stage.running.endpoint) as found:
        made = Faulty(stage, found)
        made.configure(300)
        yield made


@pytest.fixture(scope="session")
def survived(faulty: Faulty) -> Faulty:
    """The stage when it has come through every fault."""
    throttled = proxy.refused(400, "ThrottlingException")
    faulty.proxy.faults[faulty.stream("vpc_flow")].extend(
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
    until(lambda: faulty.stage.landed("batch") or None, "an entry in the ledger", 120)
    until(lambda: True if len(_ids(faulty)) >= COUNT else None, "all rows", 60)
    return faulty


def _ids(faulty: Faulty) -> list[int]:
    return [row["bytes"] for row in faulty.stage.landed("vpc_flow")]


def _athena(faulty: Faulty, *words: str) -> Ran:
    stage = faulty.stage.name
    return faulty.stage.tailrace("query", *words, "--engine", "athena", "--stage", stage)


@pytest.mark.needs("firehose.faults")
def test_only_what_was_refused_is_sent_again(survived: Faulty) -> None:
    calls = survived.proxy.done[survived.stream("vpc_flow")]
    assert calls == [3, 1, 1, 1, 1, 2, 2, 2, 1, 1]
    assert survived.proxy.done[survived.stream("batch")] == [1, 1, 1]
    assert not any(survived.proxy.faults.values())


@pytest.mark.needs("firehose.faults")
def test_no_row_is_lost_and_lost_answers_repeat_some(survived: Faulty) -> None:
    found = _ids(survived)
    assert sorted(set(found)) == list(range(1000, 1000 + COUNT))
    assert len(found) > COUNT


@pytest.mark.needs("firehose.faults", "athena.answers")
def test_the_view_has_each_row_once(survived: Faulty) -> None:
    sql = "SELECT count(*) AS n, count(DISTINCT bytes) AS different FROM vpc_flow"
    ran = _athena(survived, "--sql", sql, "--full-scan", "--output", "jsonl")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == {"n": COUNT, "different": COUNT}


@pytest.mark.needs("firehose.faults", "stack.audit")
def test_the_audit_balances_after_faults(survived: Faulty) -> None:
    ran = survived.stage.tailrace("audit", "--stage", survived.stage.name, "--json")
    assert ran.code == 0, ran.out + ran.err


@pytest.mark.needs("firehose.faults", "esm.partial")
def test_what_is_refused_for_longer_than_an_invocation_lasts_comes_again(survived: Faulty) -> None:
    stream, before = survived.stream("vpc_flow"), len(_ids(survived))
    survived.configure(SHORT_S)
    survived.proxy.done[stream].clear()
    survived.proxy.faults[stream].extend([proxy.nothing_taken] * 20)
    survived.send(20)
    until(lambda: True if len(_ids(survived)) > before else None, "rows at last", 240)
    assert survived.proxy.done[stream] == [1] * 21
    assert len(_ids(survived)) == before + 20
