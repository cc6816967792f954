"""Group commit: durable before it is answered, one record a post, repeats by key known."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import BackPressure, Conflict, DeliveryError
from pipeline.store import Store
from pipeline.stream.intake import Intake, Place, Posted, Retention
from pipeline.stream.log import Incoming, advance
from pipeline.stream.shards import shard_of
from tests.homes import flow

ARRIVAL_MS = 1_795_615_200_250
ROOMY = Retention(1 << 30, 24)
PATIENCE_S = 10


class Clock:
    """Seconds since the epoch, as told."""

    def __init__(self) -> None:
        self.now = ARRIVAL_MS / 1000

    def __call__(self) -> float:
        return self.now


@contextmanager
def intake(
    home: Path, retention: Retention = ROOMY, clock: Clock | None = None
) -> Iterator[Intake]:
    Store(home, writer=True).close()
    opened = Intake(home, retention, clock=clock or Clock())
    opened.start()
    try:
        yield opened
    finally:
        opened.close()


def posted(number: int, key: str = "") -> Posted:
    payload = flow(number)
    record = Incoming("vpc-flow", f"request-{number}", payload, ARRIVAL_MS, f"request/{number}")
    return Posted(record, key, payload if key else b"")


def payloads(home: Path) -> list[bytes]:
    with sqlite3.connect(home / "log.db") as connection:
        return [row[0] for row in connection.execute("select payload from record order by seq")]


def taken(future: "Future[Place]") -> Place:
    return future.result(PATIENCE_S)


def test_a_record_is_in_the_log_when_its_caller_is_answered(tmp_path: Path) -> None:
    with intake(tmp_path) as opened:
        place = taken(opened.submit(posted(7)))
        assert payloads(tmp_path) == [flow(7)]
    assert place == Place(shard_of("request-7", range(4)), 1)


def test_what_waits_together_is_written_in_few_transactions(tmp_path: Path) -> None:
    commits: list[int] = []
    with intake(tmp_path) as opened:
        opened.taken = lambda: commits.append(1)
        blocker = Store(tmp_path, writer=True)
        with blocker.transaction():
            futures = [opened.submit(posted(number)) for number in range(500)]
        wait(futures, PATIENCE_S)
        blocker.close()
        places = [taken(future) for future in futures]
    assert [place.sequence for place in places] == list(range(1, 501))
    assert payloads(tmp_path) == [flow(number) for number in range(500)]
    assert len(commits) <= 2


def test_many_callers_at_once_each_get_a_place_of_their_own(tmp_path: Path) -> None:
    found: list[Place] = []

    def send(first: int) -> None:
        for number in range(first, first + 20):
            found.append(taken(opened.submit(posted(number))))

    with intake(tmp_path) as opened:
        threads = [threading.Thread(target=send, args=(n * 20,)) for n in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert sorted(place.sequence for place in found) == list(range(1, 641))
    assert sorted(payloads(tmp_path)) == sorted(flow(number) for number in range(640))


def test_the_same_key_and_body_get_the_same_answer_and_append_nothing(tmp_path: Path) -> None:
    with intake(tmp_path) as opened:
        first = taken(opened.submit(posted(1, "a")))
        again = taken(opened.submit(posted(1, "a")))
    assert again == first
    assert payloads(tmp_path) == [flow(1)]


def test_a_key_stays_known_when_the_home_is_opened_again(tmp_path: Path) -> None:
    with intake(tmp_path) as opened:
        first = taken(opened.submit(posted(1, "a")))
    with intake(tmp_path) as opened:
        assert taken(opened.submit(posted(1, "a"))) == first
    assert payloads(tmp_path) == [flow(1)]


def test_another_body_under_a_known_key_is_a_conflict(tmp_path: Path) -> None:
    with intake(tmp_path) as opened:
        taken(opened.submit(posted(1, "a")))
        with pytest.raises(Conflict, match="was sent with another body"):
            taken(opened.submit(posted(2, "a")))
    assert payloads(tmp_path) == [flow(1)]


def test_equal_keys_in_one_transaction_are_one_record_and_a_conflict(tmp_path: Path) -> None:
    with intake(tmp_path) as opened:
        blocker = Store(tmp_path, writer=True)
        with blocker.transaction():
            one, same, other, free = (
                opened.submit(each)
                for each in (posted(1, "a"), posted(1, "a"), posted(2, "a"), posted(3))
            )
        blocker.close()
        assert taken(one) == taken(same)
        with pytest.raises(Conflict):
            taken(other)
        taken(free)
    assert payloads(tmp_path) == [flow(1), flow(3)]


def test_one_key_may_stand_for_a_body_of_each_source(tmp_path: Path) -> None:
    other = Posted(Incoming("app-log", "k", b"text\n", ARRIVAL_MS, "request/k"), "a", b"text\n")
    with intake(tmp_path) as opened:
        taken(opened.submit(posted(1, "a")))
        taken(opened.submit(other))
    assert payloads(tmp_path) == [flow(1), b"text\n"]


def test_a_key_is_forgotten_after_a_day(tmp_path: Path) -> None:
    clock = Clock()
    with intake(tmp_path, clock=clock) as opened:
        taken(opened.submit(posted(1, "a")))
        clock.now += 24 * 3600 - 1
        taken(opened.submit(posted(1, "a")))
        clock.now += 1
        advance_all(tmp_path, 1)
        taken(opened.submit(posted(2, "a")))
    assert payloads(tmp_path) == [flow(1), flow(2)]


def advance_all(home: Path, seq: int) -> None:
    store = Store(home, writer=True)
    with store.transaction() as connection:
        for shard in range(4):
            advance(connection, shard, seq)
    store.close()


@pytest.mark.fault("F2")
def test_a_full_log_takes_nothing_until_something_was_consumed(tmp_path: Path) -> None:
    with intake(tmp_path, Retention(1, 24)) as opened:
        taken(opened.submit(posted(1)))
    with intake(tmp_path, Retention(1, 24)) as opened:
        with pytest.raises(BackPressure, match="the log is full") as refused:
            taken(opened.submit(posted(2)))
        assert refused.value.retry_after_s > 0
        advance_all(tmp_path, 1)
        deadline = threading.Event()
        while (future := opened.submit(posted(3))).exception(PATIENCE_S) is not None:
            assert not deadline.wait(0.05)
        taken(future)
    # What was consumed made room: it went before its time.
    assert payloads(tmp_path) == [flow(3)]


@pytest.mark.fault("F2")
def test_a_log_whose_oldest_record_waits_for_a_day_takes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    with intake(tmp_path, clock=clock) as opened:
        taken(opened.submit(posted(1)))
    clock.now += 24 * 3600
    with (
        intake(tmp_path, clock=clock) as opened,
        pytest.raises(BackPressure, match="has waited for 24 hours") as refused,
    ):
        taken(opened.submit(posted(2)))
    assert "nothing of it was taken" in refused.value.fix
    assert payloads(tmp_path) == [flow(1)]


def test_a_held_sink_refuses_what_comes(tmp_path: Path) -> None:
    with intake(tmp_path) as opened:
        opened.held = lambda: DeliveryError("the sink fails since an hour")
        with pytest.raises(DeliveryError, match="the sink fails"):
            taken(opened.submit(posted(1)))
        opened.held = lambda: None
        taken(opened.submit(posted(2)))
    assert payloads(tmp_path) == [flow(2)]


@pytest.mark.fault("F25")
def test_a_log_that_cannot_be_written_refuses_and_recovers(tmp_path: Path) -> None:
    with intake(tmp_path) as opened:
        taken(opened.submit(posted(1)))
        edit = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
        edit.execute("alter table record rename to hidden")
        with pytest.raises(DeliveryError, match=r"log\.db cannot be written"):
            taken(opened.submit(posted(2)))
        edit.execute("alter table hidden rename to record")
        edit.close()
        taken(opened.submit(posted(3)))
    assert payloads(tmp_path) == [flow(1), flow(3)]


def test_a_closed_intake_has_written_what_it_took_and_takes_nothing_more(tmp_path: Path) -> None:
    with intake(tmp_path) as opened:
        futures = [opened.submit(posted(number)) for number in range(100)]
        assert opened.close()
        assert all(future.done() for future in futures)
        with pytest.raises(DeliveryError, match="is ending"):
            taken(opened.submit(posted(200)))
    assert payloads(tmp_path) == [flow(number) for number in range(100)]


def test_what_its_caller_took_back_in_time_is_not_written(tmp_path: Path) -> None:
    with intake(tmp_path) as opened:
        blocker = Store(tmp_path, writer=True)
        with blocker.transaction():
            first = opened.submit(posted(1))
            while not first.running():
                pass
            second = opened.submit(posted(2))
            assert second.cancel()
        blocker.close()
        taken(first)
        taken(opened.submit(posted(3)))
    assert payloads(tmp_path) == [flow(1), flow(3)]
