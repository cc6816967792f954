"""Counting beside delivery: whatever fails and comes again, each view counts once and lands."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ConnectionClosedError

from pipeline.counters.table import CountersTable
from pipeline.counters.tally import Tally
from pipeline.errors import DeliveryError, TailraceError, Unforeseen
from pipeline.invoke import Stack, Taken, take
from pipeline.invoke.posted import opening
from pipeline.sources import find
from tests.carriers import ARRIVAL_MS, kinesis_event
from tests.counters.account import TABLE, Account, Refused
from tests.invoke.stacks import MemoryHome, memory_stack

NOW_MS = ARRIVAL_MS + 5_000
MINUTE = ARRIVAL_MS // 60_000
VIEWS = find("page-view").table
KEY = bytes(range(32))


def posted(number: int, page: str) -> bytes:
    """A view as API Gateway writes it; its event id is its number."""
    body = json.dumps({"path": page, "event_id": str(UUID(int=number))}).encode()
    told = {"at": ARRIVAL_MS, "id": "1", "ip": "203.0.113.9", "kind": "text/plain"}
    return json.dumps(told | {"body": base64.b64encode(body).decode()}).encode()


@dataclass
class Stage:
    """A table, a lake, and the function between a stream and both."""

    account: Account = field(default_factory=Account)
    home: MemoryHome = field(default_factory=MemoryHome)
    stack: Stack = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin a new copy of the function."""
        tally = Tally(
            CountersTable(self.account.client, TABLE), lambda: NOW_MS / 1e3, answers=False
        )
        made = memory_stack(self.home, {"*": "page-view"})
        self.stack = replace(made, opens=opening(KEY), tally=tally)

    def call(self, records: Sequence[tuple[int, bytes]]) -> Taken:
        """Call the function with records, each a sequence number and a payload."""
        event = kinesis_event([payload for _, payload in records])
        for (sequence, _), each in zip(records, event["Records"], strict=True):
            each["kinesis"]["sequenceNumber"] = str(sequence)
        return take(event, self.stack, lambda: 60.0, NOW_MS)

    def counted(self) -> Counter[str]:
        """Views by page, as the table has them."""
        found: Counter[str] = Counter()
        for each in CountersTable(self.account.client, TABLE).counts("page", MINUTE - 200):
            found.update(dict(zip(each.keys, each.counts.tolist(), strict=True)))
        return found

    def landed(self) -> list[str]:
        """The page of each row in landing."""
        rows: list[str] = self.home.sink.rows(VIEWS)["page"].to_pylist()
        return rows


ONE, TWO, THREE = ((number, posted(number, f"/{number}")) for number in (8, 9, 10))


def refuse(name: str) -> None:
    raise Refused("InternalServerError", "not now")


def lose(name: str) -> None:
    """Let nobody hear that something was written."""
    if name == "TransactWriteItems":
        raise ConnectionClosedError(endpoint_url="https://dynamodb")


def pages(*names: str) -> Counter[str]:
    return Counter(names)


def test_what_was_not_delivered_comes_again_and_is_not_counted_again() -> None:
    stage = Stage(home=MemoryHome(full={"page_view"}))
    assert stage.call([ONE, TWO]).again == ["8"]
    assert stage.counted() == pages("/8", "/9")
    stage.home.full.clear()
    stage.start()
    assert stage.call([ONE, TWO, THREE]).again == []
    assert (stage.counted(), stage.landed()) == (pages("/8", "/9", "/10"), ["/8", "/9", "/10"])


@pytest.mark.parametrize("when", ["before", "behind"])
def test_what_could_not_be_counted_is_delivered_and_comes_again(when: str) -> None:
    stage = Stage()
    setattr(stage.account, when, {"before": refuse, "behind": lose}[when])
    done = stage.call([ONE, TWO])
    assert (done.again, stage.landed()) == (["8"], ["/8", "/9"])
    assert "DynamoDB" in str(done.failures[0])
    stage.account.before = stage.account.behind = lambda name: None
    assert stage.call([ONE, TWO]).again == []
    assert stage.counted() == pages("/8", "/9")


def test_the_lower_of_both_comes_again() -> None:
    stage = Stage(home=MemoryHome(full={"page_view"}))
    stage.account.before = refuse
    done = stage.call([TWO, THREE])
    assert done.again == ["9"]
    assert len(done.failures) == 2


def test_halves_of_a_batch_count_once_each_and_in_part() -> None:
    stage = Stage()
    assert stage.call([ONE]).again == []
    assert stage.call([ONE, TWO]).again == []
    assert stage.call([THREE]).again == []
    assert stage.call([TWO, THREE]).again == []
    assert stage.counted() == pages("/8", "/9", "/10")


def test_places_are_compared_as_numbers() -> None:
    stage = Stage()
    stage.call([TWO])
    stage.call([TWO, THREE])
    assert stage.counted() == pages("/9", "/10")


def test_of_two_copies_that_have_the_same_batch_one_counts_it() -> None:
    first, second = Stage(), Stage()
    second.account = first.account
    second.start()
    first.call([ONE])
    second.call([ONE, TWO])
    assert first.call([TWO, THREE]).again == []
    assert first.counted() == pages("/8", "/9", "/10")


def test_a_view_that_is_sent_again_counts_once_and_what_is_none_counts_nothing() -> None:
    stage = Stage()
    assert stage.call([ONE, (9, posted(8, "/8")), (10, b"no record")]).again == []
    assert stage.counted() == pages("/8")
    assert stage.call([(11, b"nor this")]).again == []
    assert stage.counted() == pages("/8")


def test_a_fault_of_ours_comes_apart_and_what_it_is_in_lands() -> None:
    stage = Stage()

    def broken(*_: Any) -> bool:
        raise ZeroDivisionError

    assert stage.stack.tally is not None
    # The counters are not the core's, and may break apart from it.
    stage.stack.tally.counters.add = broken  # type: ignore[method-assign]
    with pytest.raises(Unforeseen, match="ZeroDivisionError"):
        stage.call([ONE])
    assert stage.landed() == ["/8"]


@dataclass
class Mapping:
    """Brings records as Lambda does: in order, again from what is reported, or in halves."""

    stage: Stage
    random: Random

    def bring(self, records: list[tuple[int, bytes]]) -> None:
        """Bring records until all are taken."""
        while records:
            self._fail()
            try:
                done = self.stage.call(records)
                rest = [each for each in records if done.again and each[0] >= int(done.again[0])]
            except TailraceError:
                half = len(records) // 2
                self.bring(records[:half])
                rest = records[half:]
            records = rest
            if self.random.random() < 0.2:
                self.stage.start()

    def _fail(self) -> None:
        """Let something fail in the next call, or nothing."""
        account, fate = self.stage.account, self.random.random()
        account.before = account.behind = lambda name: None
        self.stage.home.full = {"page_view"} if fate < 0.2 else set()
        if 0.1 < fate < 0.3:
            account.before = refuse
        elif 0.3 < fate < 0.5:
            account.behind = lose
        elif 0.5 < fate < 0.6:
            # Nobody hears of it: the copy of the function is gone.
            account.behind = gone


def gone(name: str) -> None:
    if name == "TransactWriteItems":
        raise Unforeseen("the function ended", "", "")


@pytest.mark.fault("F2", "F13")
@pytest.mark.parametrize("seed", range(6))
def test_whatever_fails_each_view_counts_once_and_lands(seed: int) -> None:
    random, stage = Random(seed), Stage()
    sent = [(number, f"/{random.randrange(9)}") for number in range(120)]
    for again in random.sample(range(100), 10):
        sent.insert(again + random.randrange(20), sent[again])
    records = [(95 + place, posted(*each)) for place, each in enumerate(sent)]
    mapping = Mapping(stage, random)
    while records:
        size = random.choice((1, 5, 20))
        # A reader of a shard that begins anew brings some again.
        mapping.bring(records[:size])
        records = records[max(1, size - random.choice((0, 0, 3))) :]
    truth = Counter(page for page in dict(sent).values())
    assert stage.counted() == truth
    rows = stage.home.sink.rows(VIEWS)
    assert len(set(rows["record_id"].to_pylist())) == truth.total()


def test_a_shard_that_others_keep_counting_comes_again() -> None:
    stage, other = Stage(), Stage()
    other.account = stage.account
    other.start()
    numbers = iter(range(20, 40))

    def add(name: str) -> None:
        if name == "TransactWriteItems" and (number := next(numbers)) % 2 == 0:
            other.call([(number, posted(number, "/other"))])

    stage.account.before = add
    done = stage.call([(100, posted(100, "/mine"))])
    assert done.again == ["100"]
    assert isinstance(done.failures[0], DeliveryError)
