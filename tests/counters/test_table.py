"""The counters of a stack: whatever breaks off, and whoever reads meanwhile."""

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from random import Random
from string import ascii_lowercase

import numpy as np
import pytest
from botocore.exceptions import ReadTimeoutError

from pipeline.counters.answer import asked
from pipeline.counters.board import KEPT_MINUTES, Counted
from pipeline.counters.ports import Delta
from pipeline.counters.table import MERGED_AFTER, TITLED, CountersTable, News
from pipeline.counters.warm import Warm
from pipeline.errors import DeliveryError, NotConfigured
from tests.counters.account import TABLE, Account, Refused
from tests.counters.test_counters import counted, delta, of

MINUTE = 29_926_800


def lost(name: str) -> None:
    """What a client finds where no answer comes to a write."""
    if name == "TransactWriteItems":
        raise ReadTimeoutError(endpoint_url=name)


@pytest.fixture
def account() -> Account:
    return Account()


def opened(account: Account) -> CountersTable:
    return CountersTable(account.client, TABLE)


@pytest.mark.parametrize("written", [False, True])
def test_whether_a_lost_answer_was_of_a_write_is_found_out_afterwards(
    account: Account, written: bool
) -> None:
    table = opened(account)
    first = delta("", "1", of(5, a=1), seen=np.array([7]))
    setattr(account, "behind" if written else "before", lost)
    with pytest.raises(DeliveryError, match="DynamoDB cannot be asked: Read timeout"):
        table.add(first)
    account.before = account.behind = lambda name: None
    assert table.add(first) is not written
    assert (counted(table), table.place(0)) == ({5: {"a": 1}}, "1")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("TransactionCanceledException", DeliveryError),
        ("ProvisionedThroughputExceededException", DeliveryError),
        ("AccessDeniedException", DeliveryError),
        ("ExpiredTokenException", NotConfigured),
    ],
)
def test_what_the_service_refuses_is_told_and_counts_nothing(
    account: Account, code: str, error: type[Exception]
) -> None:
    def refuse(name: str) -> None:
        if name == "TransactWriteItems":
            reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
            raise Refused(code, "no", CancellationReasons=reasons)

    account.before = refuse
    table = opened(account)
    with pytest.raises(error, match="DynamoDB: no"):
        table.add(delta("", "1", of(5, a=1)))
    account.before = lambda name: None
    assert (counted(table), table.place(0)) == ({}, "")


def test_a_batch_is_one_write_however_many_keys_it_has(account: Account) -> None:
    table = opened(account)
    table.place(0)
    for number in range(4):
        counts = of(5, **{f"k{each}": 1 for each in range(300)})
        ids = np.arange(500)
        assert table.add(delta(str(number or ""), str(number + 1), counts, seen=ids))
    assert account.did == {"GetItem": 1, "TransactWriteItems": 4}


def test_a_title_is_written_when_it_is_another_and_once_an_hour(account: Account) -> None:
    table, readers = opened(account), []
    for number, title in enumerate("AABBA"):
        made = delta(str(number or ""), str(number + 1), minute=MINUTE, titles={"/a": title})
        assert table.add(made)
        readers.append(table.titles()["/a"])
    assert readers == list("AABBA")
    later = [
        delta(str(5 + number), str(6 + number), minute=MINUTE + at, titles={"/a": "A"})
        for number, at in enumerate((TITLED - 1, TITLED))
    ]
    assert all([table.add(each) for each in later])
    written = [each.content.titles.get("/a", "") for each in table.news(0, {})]
    assert written == ["A", "", "B", "", "A", "", "A"]
    # A title whose batch did not get there is not thought to be.
    account.before = lost
    with pytest.raises(DeliveryError):
        table.add(delta("7", "8", minute=MINUTE + 60, titles={"/b": "B"}))
    account.before = lambda name: None
    assert table.add(delta("7", "8", minute=MINUTE + 60, titles={"/b": "B"}))
    assert table.titles() == {"/a": "A", "/b": "B"}


def test_what_is_too_long_for_an_item_lies_in_several(account: Account) -> None:
    random = Random(1)
    keys = ["".join(random.choices(ascii_lowercase, k=200)) for _ in range(20_000)]
    ones = np.ones(len(keys), np.int64)
    ids = np.arange(200_000) - 2**62
    table = opened(account)
    some = {"page": [Counted(MINUTE, keys, ones * 0, ones)]}
    assert table.add(Delta(0, "", "1", some, ids, MINUTE))
    table.merge(MINUTE + 9)
    assert len(account.items) > 10
    for read in (opened(account), table):
        (found,) = read.counts("page", MINUTE)
        assert sorted(found.keys) == sorted(keys)
        assert np.array_equal(np.concatenate(list(read.seen(0, 0))), ids)
    # Of what has expired in its midst nobody makes counts.
    del account.items[next(key for key in account.items if key[0].startswith("part#"))]
    with pytest.raises(DeliveryError, match="a part of the counts is not there"):
        [*table.counts("page", MINUTE), *table.seen(0, 0)]


def test_bytes_that_are_no_counts_are_told(account: Account) -> None:
    table = opened(account)
    table.add(delta("", "1", of(5, a=1)))
    account.items["count#0", "0000000000#000000000001"]["data"] = {"B": "AAAA"}
    with pytest.raises(DeliveryError, match="counts cannot be read"):
        list(table.counts("page", 0))


def test_a_clock_that_goes_back_hides_nothing(account: Account) -> None:
    table = opened(account)
    table.add(delta("", "1", of(MINUTE, a=1), minute=MINUTE))
    table.add(delta("1", "2", of(MINUTE - 1, a=2), minute=MINUTE - 60))
    table.merge(MINUTE + 1)
    table.add(delta("2", "3", of(MINUTE, a=4), minute=MINUTE))
    table.add(delta("3", "4", of(MINUTE, a=8), minute=MINUTE + 1))
    for _ in range(2):
        assert counted(table) == {MINUTE - 1: {"a": 2}, MINUTE: {"a": 13}}
        table.merge(MINUTE + 5)


def test_a_minute_is_merged_once_and_read_in_its_place(account: Account) -> None:
    table = opened(account)
    for number in range(20):
        minute = MINUTE + number // 10
        assert table.add(
            delta(str(number or ""), str(number + 1), of(minute, a=1, b=number), minute=minute)
        )
    before = counted(table)
    assert [table.merge(MINUTE + 1), table.merge(MINUTE + 1)] == [1, 0]
    account.did.clear()
    (*merged, last) = table.news(0, {})
    assert (len(merged), merged[0].minute, last.minute) == (10, MINUTE, MINUTE + 1)
    assert [table.merge(MINUTE + 2), table.merge(MINUTE + 9)] == [1, 0]
    assert len(list(table.news(0, {}))) == 2
    assert counted(table) == before


def test_of_two_merges_the_one_that_read_less_may_win_and_nothing_is_lost(account: Account) -> None:
    table = opened(account)
    for number, minute in enumerate((0, 0, 1, 2)):
        place = delta(str(number or ""), str(number + 1), of(5, a=10**number), minute=minute)
        assert table.add(place)
    late = {key: account.items[key] for key in sorted(account.items) if key[0] == "count#0"}
    del late["count#0", "0000000000#000000000001"]

    def overtaken(name: str) -> None:
        """Another has read before all but the first batch was there, and writes now."""
        if name == "TransactWriteItems":
            account.before = lambda name: None
            for key in late:
                del account.items[key]
            assert opened(account).merge(9) == 1
            account.items.update(late)

    account.before = overtaken
    assert table.merge(9) == 0
    assert counted(opened(account)) == {5: {"a": 1111}}
    assert table.merge(9) == 3
    assert counted(opened(account)) == {5: {"a": 1111}}


def test_minutes_that_have_expired_are_not_missed(account: Account) -> None:
    table = opened(account)
    table.add(delta("", "1", of(MINUTE, a=1), minute=MINUTE))
    table.merge(MINUTE + 9)
    table.add(delta("1", "2", of(MINUTE + 9, a=1), minute=MINUTE + 9))
    later = MINUTE + 2 * KEPT_MINUTES
    account.expire(later * 60)
    assert [pk for pk, _ in account.items] == ["place#count", "place#merged"]
    table.add(delta("2", "3", of(later, a=1), minute=later))
    assert table.merge(later + MERGED_AFTER) == 1
    assert counted(table, later - KEPT_MINUTES) == {later: {"a": 1}}


def test_a_batch_that_is_there_before_the_one_behind_which_it_stands_waits(
    account: Account,
) -> None:
    table = opened(account)
    for number in range(3):
        table.add(delta(str(number or ""), str(number + 1), of(5, a=1)))
    key = ("count#0", "0000000000#000000000002")
    item = account.items.pop(key)
    known: dict[str, str] = {}

    def read() -> list[News]:
        news = list(table.news(0, known))
        known.update({each.log: each.key for each in news})
        return news

    assert (len(read()), len(read())) == (1, 0)
    account.items[key] = item
    assert (len(read()), len(read())) == (2, 0)


def test_a_batch_whose_place_is_not_there_yet_waits(account: Account) -> None:
    table = opened(account)
    for number in range(3):
        table.add(delta(str(number or ""), str(number + 1), of(5, a=1), minute=number))
        if not number:
            place = account.items["place#count", "0"]
    account.items["place#count", "0"] = place
    assert (len(list(table.news(0, {}))), table.merge(9)) == (1, 1)


class Reader:
    """Somebody who asks now and then, and finds what there is: nothing twice, nothing missing."""

    def __init__(self, account: Account, clock: Callable[[], float]) -> None:
        self.warm = Warm(opened(account), clock)

    def read(self) -> Counter[str]:
        self.warm.refresh()
        end = int(self.warm.clock()) // 60 + 1
        top = self.warm.boards["page"].top(end, 60, 1_000)
        return Counter({each.key: each.count for each in top.items})


@pytest.mark.parametrize("seed", range(6))
def test_readers_see_each_count_once_whatever_goes_on_between_two_of_their_reads(
    account: Account, seed: int
) -> None:
    random, truth, places = Random(seed), Counter[str](), [0, 0, 0]
    now = [MINUTE * 60.0]
    clients = [opened(account), opened(account)]
    warm = Reader(account, lambda: now[0])
    idle = False

    def write() -> None:
        shard = random.randrange(3)
        counts = {random.choice("abcdef"): random.randrange(1, 9) for _ in range(3)}
        place = places[shard]
        minute = int(now[0]) // 60 - random.choice((0, 0, 1))
        made = delta(str(place or ""), str(place + 1), of(minute, **counts), minute=minute)
        made = Delta(shard, made.behind, made.place, made.counts, minute=minute)
        if random.choice(clients).add(made):
            truth.update(counts)
            places[shard] += 1

    def meanwhile(name: str) -> None:
        """Between two requests of a reader or a merge."""
        nonlocal idle
        if idle and random.random() < 0.5:
            idle = False
            random.choice((write, write, merge))()
            idle = True

    def merge() -> None:
        breaks = random.random() < 0.3
        account.behind = lost if breaks else lambda name: None
        with suppress(DeliveryError) if breaks else nullcontext():
            random.choice(clients).merge(int(now[0]) // 60 - random.choice((0, 0, 3)))
        account.behind = lambda name: None

    account.before = meanwhile
    for _ in range(40):
        now[0] += random.choice((0, 5, 40))
        write()
        if random.random() < 0.3:
            merge()
        reader = random.choice((warm, Reader(account, lambda: now[0])))
        least, idle = truth.copy(), True
        found = reader.read()
        idle = False
        assert least <= found <= truth
        assert reader.read() == truth
    assert account.did["PutItem"] == 0


def test_a_warm_reader_reads_what_is_new_and_at_most_once_a_second(account: Account) -> None:
    table, now = opened(account), [MINUTE * 60.0]
    warm = Warm(opened(account), lambda: now[0])
    table.add(delta("", "1", of(MINUTE, **{"/a": 1}), minute=MINUTE, titles={"/a": "A"}))
    account.did.clear()
    told = warm.answer(asked({}))
    assert (told["total"], told["items"][0]["title"]) == (1, "A")
    assert account.did == {"Query": 3}
    warm.answer(asked({"by": "talker"}))
    now[0] += 1
    warm.answer(asked({}))
    assert account.did == {"Query": 4}
    now[0] += (KEPT_MINUTES + 2) * 60
    assert warm.answer(asked({}))["total"] == 0
    assert warm.titles == {}
