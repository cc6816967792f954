"""Logs of several sources in one stream: each flow and request counts once, where it is ranked."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

import pytest

from pipeline.counters.answer import asked
from pipeline.counters.table import MERGED_AFTER, OF_LOGS, CountersTable
from pipeline.counters.tally import Tally
from pipeline.counters.warm import Warm
from pipeline.invoke import Taken, take
from pipeline.sources import find
from tests.carriers import ARRIVAL_MS, awslogs_event, envelope, gzipped, log_event
from tests.counters.account import TABLE
from tests.invoke.stacks import memory_stack
from tests.invoke.test_counted import MINUTE, NOW_MS, Mapping, Stage, posted, refuse

SOURCES = {"flows": "vpc-flow", "web": "http-access", "app": "app-log"}
RANKINGS = ("talker", "rejected_port", "error_path")
LATE_S = 30 * 60
# By ranking: counts by minute and key.
Counts = dict[str, Counter[tuple[int, str]]]


@dataclass(frozen=True)
class Flow:
    """A flow, and the line that tells of it."""

    ended_s: int
    srcaddr: str
    dstport: int
    size: int
    action: str

    @property
    def line(self) -> str:
        head = f"2 123456789010 eni-1235b8ca123456789 {self.srcaddr} 172.31.16.21 20641"
        times = f"{self.ended_s - 60} {self.ended_s}"
        return f"{head} {self.dstport} 6 20 {self.size} {times} {self.action} OK"

    def counts(self) -> Iterator[tuple[str, str, int]]:
        """Ranking, key and count."""
        if self.action == "ACCEPT":
            yield "talker", self.srcaddr, self.size
        else:
            yield "rejected_port", str(self.dstport), 1


@dataclass(frozen=True)
class Request:
    """A request of a web server, and the line that tells of it."""

    ended_s: int
    path: str
    status: int

    @property
    def line(self) -> str:
        at = f"{datetime.fromtimestamp(self.ended_s, UTC):%d/%b/%Y:%H:%M:%S +0000}"
        return f'203.0.113.9 - - [{at}] "GET {self.path} HTTP/1.1" {self.status} 12 "-" "curl/8"'

    def counts(self) -> Iterator[tuple[str, str, int]]:
        """Ranking, key and count."""
        if self.status >= 400:
            yield "error_path", self.path, 1


def flow(random: Random) -> Flow:
    ended = ARRIVAL_MS // 1000 - random.randrange(45 * 60)
    address, size = f"10.0.0.{random.randrange(9)}", random.randrange(1, 5_000)
    return Flow(ended, address, random.choice((22, 443)), size, random.choice(("ACCEPT", "REJECT")))


def request(random: Random) -> Request:
    ended = ARRIVAL_MS // 1000 - random.randrange(45 * 60)
    return Request(ended, f"/{random.randrange(4)}", random.choice((200, 404, 500)))


def brute_force(events: Sequence[Flow | Request]) -> Counts:
    """What is to be counted of some events, each of them once."""
    found: Counts = {name: Counter() for name in RANKINGS}
    for event in events:
        if ARRIVAL_MS - event.ended_s * 1000 <= LATE_S * 1000:
            for ranking, key, count in event.counts():
                found[ranking][event.ended_s // 60, key] += count
    return found


def record(group: str, lines: Sequence[str], first: int = 0) -> bytes:
    """A record of the stream; `first` tells its log events from those of others."""
    events = [log_event(line, first + number) for number, line in enumerate(lines)]
    return gzipped(envelope(events, logGroup=group))


class Logs(Stage):
    """The function of logs between a stream, a table and a lake."""

    def start(self) -> None:
        """Begin a new copy of the function."""
        table = CountersTable(self.account.client, TABLE, OF_LOGS)
        tally = Tally(table, lambda: NOW_MS / 1e3, answers=False)
        self.stack = replace(memory_stack(self.home, SOURCES), tally=tally)

    def counts(self) -> Counts:
        """What the table has, as whoever reads it finds it."""
        table = CountersTable(self.account.client, TABLE)
        found: Counts = {name: Counter() for name in RANKINGS}
        for name, counts in found.items():
            for each in table.counts(name, MINUTE - 100):
                for key, count in zip(each.keys, each.counts.tolist(), strict=True):
                    counts[each.minute, key] += count
        return found


def sent(random: Random, records: int) -> tuple[list[tuple[int, bytes]], list[Flow | Request]]:
    """Records of a shard, of several log groups, some again; and the events in them, once each."""
    events: list[Flow | Request] = []
    payloads = []
    for number in range(records):
        group = random.choice(("flows", "flows", "web", "app"))
        mine = [{"web": request}.get(group, flow)(random) for _ in range(random.randrange(1, 9))]
        if group != "app":
            events += mine
        payloads.append(record(group, [each.line for each in mine], number * 10))
    for _ in range(records // 10):
        again = random.randrange(records)
        payloads.insert(again + random.randrange(10), payloads[again])
    return list(enumerate(payloads, 95)), events


def totals(counts: Counter[tuple[int, str]], minutes: int, end: int) -> Counter[str]:
    """Counts by key of a window that ends before a minute."""
    found: Counter[str] = Counter()
    for (minute, key), count in counts.items():
        if end - minutes <= minute < end:
            found[key] += count
    return found


def test_each_source_of_a_batch_is_counted_in_one_transaction() -> None:
    stage, random = Logs(), Random(1)
    records, events = sent(random, 30)
    assert stage.call(records).again == []
    assert stage.account.did["TransactWriteItems"] == 1
    assert stage.counts() == brute_force(events)


def test_a_batch_that_is_in_no_ranking_writes_nothing_and_lands() -> None:
    stage = Logs()
    assert stage.call([(8, record("app", ["one", "two"])), (9, b"no record")]).again == []
    assert not stage.account.did
    rows = stage.home.sink.rows(find("app-log").table)
    assert rows["message"].to_pylist() == ["one", "two", "no record"]


def test_what_is_called_with_by_cloudwatch_is_not_counted() -> None:
    stage = Logs()
    event = awslogs_event(record("flows", [flow(Random(1)).line]))
    take(event, stage.stack, lambda: 60.0, NOW_MS)
    assert not stage.account.did


def test_what_could_not_be_counted_comes_again_from_the_first_that_is_ranked() -> None:
    stage, lines = Logs(), [flow(Random(1)).line]
    records = [(8, record("app", lines)), (9, record("web", lines)), (10, record("flows", lines))]
    stage.account.before = refuse
    done: Taken = stage.call(records)
    assert (done.again, len(done.failures)) == (["9"], 1)
    stage.account.before = lambda name: None
    assert stage.call(records[1:]).again == []


def test_shards_of_both_streams_are_counted_each_by_its_own_place() -> None:
    logs, views = Logs(), Stage()
    views.account = logs.account
    views.start()
    records, events = sent(Random(2), 10)
    assert views.call([(500, posted(1, "/a"))]).again == []
    # Their shards have the same number, and the records of this one come before.
    assert logs.call(records).again == []
    assert views.call([(501, posted(2, "/a"))]).again == []
    for _ in range(2):
        assert (views.counted(), logs.counts()) == (Counter({"/a": 2}), brute_force(events))
        assert sorted(sk for pk, sk in logs.account.items if pk == "place#count") == ["3", "logs:3"]
        assert CountersTable(logs.account.client, TABLE).merge(MINUTE + MERGED_AFTER) in (0, 2)


@pytest.mark.fault("F2", "F13")
@pytest.mark.parametrize("seed", range(4))
def test_whatever_fails_rankings_of_logs_are_those_of_brute_force(seed: int) -> None:
    random, stage = Random(seed), Logs()
    records, events = sent(random, 60)
    mapping = Mapping(stage, random, "vpc_flow")
    while records:
        size = random.choice((1, 5, 20))
        mapping.bring(records[:size])
        records = records[max(1, size - random.choice((0, 0, 3))) :]
    truth = brute_force(events)
    assert stage.counts() == truth
    warm = Warm(CountersTable(stage.account.client, TABLE), lambda: NOW_MS / 1e3)
    for name in RANKINGS:
        told = warm.answer(asked({"by": name, "window": "60m", "k": "5"}))
        end = max(minute for minute, _ in truth[name]) + 1
        wanted = totals(truth[name], 60, end)
        first = sorted(wanted.items(), key=lambda each: (-each[1], each[0]))[:5]
        assert [(each["key"], each["count"]) for each in told["items"]] == first
        assert told["total"] == wanted.total()
