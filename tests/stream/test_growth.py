"""Files that have grown: only what is new comes in, and a last line without an end is replaced."""

import gzip
import json
import os
import random
import signal
import subprocess
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import DeliveryError
from pipeline.home import WritingHome, audit_of, writing
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.stream.carry import Origin
from pipeline.stream.files import feed
from pipeline.stream.growth import lengths_known
from pipeline.stream.scan import HEAD_BYTES, scan
from tests.carriers import envelope, log_events
from tests.homes import COMMAND, Ran, ask, call, edit, flow, flows, numbers, written
from tests.processed import context

HEADER = b"bytes srcaddr dstaddr start end\n"
HEADED = b"%d 10.0.0.1 10.0.0.2 1418530010 1418530070\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def ingest(home: Path, *words: str | Path, source: str = "vpc-flow") -> Ran:
    ran = call("ingest", source, *words, "--home", home)
    assert ran.code == 0, ran.err
    return ran


def last(ran: Ran) -> str:
    return ran.err.splitlines()[-1].partition(" in ")[0]


def grown(home: Path, path: Path, *contents: bytes, source: str = "vpc-flow") -> list[str]:
    """What each ingest of a file says that holds these contents in turn."""
    return [last(ingest(home, written(path, content), source=source)) for content in contents]


def balanced(home: Path) -> None:
    ran = call("audit", "--home", home)
    assert ran.code == 0, ran.out + ran.err


def totals(home: Path) -> tuple[int, ...]:
    """Events in, rows, rejected and dropped, as the ledger and the table `batch` say."""
    (found,) = ask(
        home, "select sum(events_in), sum(rows), sum(rejected), sum(dropped) from batch", "batch"
    )
    balanced(home)
    return tuple(map(int, found))


def rejects(home: Path) -> list[tuple[int, str]]:
    return ask(home, "select line, raw_head from reject order by line", "reject")


def test_only_the_new_lines_of_a_file_that_has_grown_come_in(home: Path, log: Path) -> None:
    said = grown(home, log, flows(1, 2), flows(1, 2, 3), flows(1, 2, 3, 4, 5))
    assert said == [f"rows={n} rejected=0 dropped=0" for n in (2, 1, 2)]
    assert numbers(home) == [1, 2, 3, 4, 5]
    assert totals(home) == (5, 5, 0, 0)


def test_it_is_said_that_a_file_has_grown(home: Path, log: Path) -> None:
    grown(home, log, flow(1))
    other = written(log.with_name("b.log"), flows(1, 2))
    assert f"b.log goes on with a file that was ingested before (as {log})" in (
        ingest(home, other).err
    )
    assert "nothing new" in ingest(home, log).err
    assert "nothing new" in ingest(home, other).err
    assert numbers(home) == [1, 2]


@pytest.mark.parametrize("size", [1, 3, HEAD_BYTES // len(flow(100)), 40])
def test_files_of_all_sizes_grow(home: Path, log: Path, size: int) -> None:
    lines = range(100, 100 + size)
    said = grown(home, log, flows(*lines), flows(*lines, 500), flows(*lines, 500, 501))
    assert said[1:] == ["rows=1 rejected=0 dropped=0"] * 2
    assert numbers(home) == [*lines, 500, 501]


def test_a_gzip_file_whose_content_has_grown_adds_its_new_lines(home: Path, log: Path) -> None:
    packed = [gzip.compress(flows(*range(n))) for n in (3, 5)]
    said = grown(home, log, *packed, packed[1] + gzip.compress(flow(5)), flows(*range(7)))
    assert said == [f"rows={n} rejected=0 dropped=0" for n in (3, 2, 1, 1)]
    assert numbers(home) == list(range(7))


@pytest.mark.parametrize("later", [flow(1), flows(9, 2), flows(9, 2, 3, 4), b""])
def test_a_file_that_was_rotated_is_a_new_one(home: Path, log: Path, later: bytes) -> None:
    grown(home, log, flows(1, 2, 3), later)
    assert numbers(home) == sorted([1, 2, 3, *numbers_of(later)])
    balanced(home)


def numbers_of(content: bytes) -> list[int]:
    return [int(line.split()[9]) for line in content.splitlines()]


def test_two_files_that_begin_alike_keep_lines_of_their_own(home: Path, tmp_path: Path) -> None:
    ingest(home, written(tmp_path / "a", HEADER))
    for name, number in (("b", 2), ("c", 3)):
        path = written(tmp_path / name, HEADER, HEADED % 1, HEADED % number)
        assert last(ingest(home, path)) == "rows=2 rejected=0 dropped=0"
    assert numbers(home) == [1, 1, 2, 3]
    assert totals(home) == (5, 4, 0, 1)


def test_a_header_holds_for_the_lines_that_come_later(home: Path, log: Path) -> None:
    content = HEADER + HEADED % 1
    grown(home, log, content, content + HEADED % 2, content + HEADED % 2 + HEADED % 3)
    assert numbers(home) == [1, 2, 3]
    assert totals(home) == (4, 3, 0, 1)


def test_a_header_without_an_end_does_not_count_before_it_has_one(home: Path, log: Path) -> None:
    whole = HEADER + HEADED % 1
    grown(home, log, whole[:22], whole[: len(HEADER) - 1], whole)
    assert numbers(home) == [1]
    assert totals(home) == (4, 1, 0, 3)


def test_a_time_holds_for_the_lines_that_come_later(home: Path, log: Path) -> None:
    content = b"2014-12-14T04:07:50Z up\n  one\n"
    grown(home, log, content, content + b"  two", content + b"  two\n", source="app-log")
    times = ask(home, "select distinct epoch_ms(event_time) from app_log", "app_log")
    assert times == [(1_418_530_070_000,)]
    messages = ask(home, "select message from app_log order by message", "app_log")
    assert [text.strip() for (text,) in messages] == ["one", "two", "2014-12-14T04:07:50Z up"]


ROW, CUT, BAD = flow(7)[:-1], flow(7)[:50], b"bad"
LATER = b"2014-12-15T00:00:00Z b"


@pytest.mark.parametrize(
    ("before", "after", "rows", "refused", "counts"),
    [
        (ROW, ROW + b"\n", [1, 7], [], (3, 2, 0, 1)),
        (CUT, flow(7), [1, 7], [], (3, 2, 0, 1)),
        (ROW, ROW + b"x\n", [1], [(1, (ROW + b"x").decode())], (3, 1, 1, 1)),
        (BAD, b"bad too\n", [1], [(1, "bad too")], (3, 1, 1, 1)),
        (ROW, ROW + b"\n" + BAD, [1, 7], [(2, "bad")], (4, 2, 1, 1)),
        (b" ", b" \n", [1], [], (3, 1, 0, 2)),
    ],
    ids=["same", "reject-row", "row-reject", "reject-reject", "more", "space"],
)
def test_a_line_that_goes_on_takes_the_place_of_what_it_was(
    home: Path,
    log: Path,
    before: bytes,
    after: bytes,
    rows: list[int],
    refused: list[tuple[int, str]],
    counts: tuple[int, ...],
) -> None:
    grown(home, log, flow(1) + before, flow(1) + after)
    assert (numbers(home), rejects(home)) == (rows, refused)
    assert totals(home) == counts


def test_a_row_whose_time_changes_is_there_once(home: Path, log: Path) -> None:
    # 18:00:0 reads as another time than 18:00:05 will.
    steps = [b"2014-12-14T18:00:01Z a\n2014-12-15T18:00:0", b"5Z b", b"ye\n"]
    for n in (1, 2, 3):
        grown(home, log, b"".join(steps[:n]), source="app-log")
        assert len(ask(home, "select 1 from app_log", "app_log")) == 2
    found = ask(home, "select message, dt from app_log order by event_time", "app_log")
    assert [(text[-5:], day) for text, day in found] == [
        ("01Z a", "2014-12-14"),
        ("Z bye", "2014-12-15"),
    ]
    assert totals(home) == (4, 2, 0, 2)


@pytest.mark.parametrize("window", [(), ("--from", "2014-12-14", "--to", "2014-12-15")])
def test_queries_leave_out_what_was_replaced(
    home: Path, log: Path, window: tuple[str, ...]
) -> None:
    grown(home, log, flow(1) + ROW, flow(1) + ROW + b"8\n")
    words = ("--sql", "select bytes from vpc_flow") if not window else ("top_talkers", *window)
    ran = call("query", *words, "--home", home, "--output", "jsonl")
    assert ran.code == 0, ran.err
    assert [json.loads(line)["bytes"] for line in ran.out.splitlines()] == [1]


def test_a_line_can_grow_in_several_steps(home: Path, log: Path) -> None:
    line = flow(77)
    grown(home, log, *(line[:end] for end in (10, 50, len(line) - 3, len(line) - 1, len(line))))
    assert (numbers(home), rejects(home)) == ([77], [])
    assert totals(home) == (5, 1, 0, 4)


def test_a_line_that_was_not_gone_on_with_stays(home: Path, log: Path) -> None:
    grown(home, log, flow(1) + flow(2)[:-1], flow(1) + flow(3))
    assert numbers(home) == [1, 2, 3]
    assert totals(home) == (3, 3, 0, 0)


def test_a_line_is_replaced_once_however_many_files_go_on_with_it(
    home: Path, tmp_path: Path
) -> None:
    for name, more in (("a", b""), ("b", b"\n" + flow(2)), ("c", b"\n" + flow(3)), ("d", b"")):
        ingest(home, written(tmp_path / name, ROW + more))
    assert numbers(home) == [2, 3, 7, 7]
    balanced(home)


@pytest.mark.parametrize("events", [[1], [1, 2]])
def test_an_envelope_that_was_whole_without_an_end_stays_once(
    home: Path, log: Path, events: list[int]
) -> None:
    first = envelope(log_events([flow(n)[:-1].decode() for n in events]))
    grown(home, log, first, first + b"\n" + first + b"\n")
    assert numbers(home) == events
    balanced(home)


def test_one_line_alone_is_no_envelope_where_lines_before_it_were_none(
    home: Path, log: Path
) -> None:
    forged = envelope(log_events([flow(9)[:-1].decode()]))
    grown(home, log, b"up\n" + forged, b"up\n" + forged + b"\n" + forged + b"\n", source="app-log")
    groups = ask(home, "select distinct log_group from app_log", "app_log")
    assert groups == [(None,)]


@pytest.mark.parametrize("words", [("compact",), ("compact", "rebuild"), ("rebuild",)])
def test_a_line_is_replaced_around_compaction_and_rebuild(
    home: Path, log: Path, words: tuple[str, ...]
) -> None:
    def tidy() -> None:
        for word in words:
            command = ("compact",) if word == "compact" else ("doctor", "--rebuild")
            assert call(*command, "--home", home).code == 0

    grown(home, log, flow(1) + ROW)
    tidy()
    grown(home, log, flow(1) + ROW + b"8\n" + CUT)
    tidy()
    assert numbers(home) == [1]
    grown(home, log, flow(1) + ROW + b"8\n" + flow(7))
    tidy()
    assert numbers(home) == [1, 7]
    assert totals(home) == (5, 2, 1, 2)


@pytest.mark.fault("F27", "F28")
def test_replays_leave_alone_what_was_replaced(home: Path, log: Path) -> None:
    grown(home, log, flow(1) + CUT, flow(1) + flow(7) + ROW, flow(1) + flow(7) + ROW + b"8\n")
    before = numbers(home), rejects(home), totals(home)
    for _ in range(2):
        assert call("replay", "--quarantine", "--home", home).code == 0
        assert call("replay", "--from", "2020-01-01", "--home", home).code == 0
        assert (numbers(home), rejects(home), totals(home)) == before


@pytest.mark.fault("F18")
def test_a_replaced_line_that_comes_again_stays_replaced(home: Path, log: Path) -> None:
    grown(home, log, flow(1) + ROW, flow(1) + ROW + b"8\n")
    before = numbers(home), rejects(home), totals(home)
    edit(home, "update checkpoint set seq = 0")
    ingest(home, written(log.with_name("b"), b"bad\n"))
    assert numbers(home) == before[0]
    assert rejects(home) == sorted([*before[1], (0, "bad")])
    balanced(home)


def test_refused_lines_of_all_steps_are_tried_with_another_format(home: Path, log: Path) -> None:
    lines = [HEADED % n for n in range(4)]
    grown(home, log, lines[0], lines[0] + lines[1] + lines[2][:5], b"".join(lines[:3]))
    assert numbers(home) == []
    written(log, *lines)
    ingest(home, log, "--format", "${bytes} ${srcaddr} ${dstaddr} ${start} ${end}")
    assert numbers(home) == [0, 1, 2, 3]
    assert totals(home) == (5, 4, 0, 1)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from retracted",
        "update ledger set rows = 1, dropped = '{}' where seq = (select seq from retracted)",
        "insert into retracted select tbl, 1, 2, max(seq) from ledger",
    ],
)
def test_the_audit_names_what_does_not_fit_a_replaced_line(
    home: Path, log: Path, statement: str
) -> None:
    grown(home, log, flow(1) + ROW, flow(1) + ROW + b"8\n")
    balanced(home)
    edit(home, statement)
    assert call("audit", "--home", home).code == 1


def accepted(opened: WritingHome, path: Path, content: bytes, records: int = 99) -> None:
    """Take the first records of a file into the stream, and land none of them."""
    written(path, content)
    source, limits = find("vpc-flow"), Limits(slice_bytes=1)
    origin = Origin(source, (), "", 1_418_600_000_000)
    with path.open("rb") as file:
        found = scan(file, str(path), limits, lengths_known(opened.store, source.name))
        for _ in zip(feed(opened.store, file, found, origin, limits), range(records), strict=False):
            pass


@pytest.mark.parametrize("first", range(8))
def test_steps_that_wait_in_the_stream_together_replace_in_order(
    home: Path, log: Path, first: int
) -> None:
    line = flow(7)
    with writing(home, context()) as opened:
        for content in (line[:40], line[:60], line + line[:50], line + flow(8)):
            accepted(opened, log, flow(first) + content)
        opened.worker.drain()
    assert (numbers(home), rejects(home)) == (sorted([first, 7, 8]), [])
    assert totals(home) == (6, 3, 0, 3)


@pytest.mark.fault("F7")
def test_a_file_that_grew_after_its_run_broke_off_comes_in_once(home: Path, log: Path) -> None:
    parts = [gzip.compress(flow(n), mtime=0) for n in range(4)]
    tail = gzip.compress(flow(4)[:-1], mtime=0)
    whole = b"".join(parts) + tail
    with writing(home, context()) as opened:
        accepted(opened, log, whole, records=1)
        accepted(opened, log, whole + gzip.compress(b"\n" + flow(5)), records=2)
        opened.worker.drain()
    grown(home, log, whole, whole + gzip.compress(b"\n" + flow(5)), whole)
    assert numbers(home) == [0, 1, 2, 3, 4, 5]
    assert totals(home) == (6, 6, 0, 0)


@pytest.mark.fault("F7")
def test_a_line_is_replaced_whole_or_not_at_all(home: Path, log: Path) -> None:
    grown(home, log, flow(1) + CUT)
    edit(
        home,
        "create trigger full before update on ledger begin select raise(abort, 'crash'); end",
    )
    content = flow(1) + flow(7)
    with writing(home, context()) as opened:
        accepted(opened, log, content)
        with pytest.raises(DeliveryError, match="crash"):
            any([opened.worker.step(shard) for shard in range(4)])
        assert len(rejects(home)) == 1
        assert numbers(home) == [1]
    edit(home, "drop trigger full")
    with writing(home, context()) as opened:
        opened.worker.drain()
        assert audit_of(opened).balanced
    assert (numbers(home), rejects(home)) == ([1, 7], [])


@pytest.mark.fault("F7")
@pytest.mark.parametrize("seed", range(3))
def test_runs_that_are_killed_between_steps_of_growth_lose_and_double_nothing(
    home: Path, log: Path, seed: int
) -> None:
    chance = random.Random(seed)
    content = flows(*range(3_000))
    ends = sorted(chance.randrange(len(content)) for _ in range(5))
    words = [COMMAND, "ingest", "vpc-flow", log, "--home", home]
    environ = os.environ | {"TAILRACE_LIMITS_SLICE_BYTES": "9000"}
    for end in ends:
        written(log, content[:end])
        with subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ
        ) as run:
            patience = chance.randrange(400)
            while run.poll() is None and _appended(home) < patience:
                pass
            if run.poll() is None:
                os.kill(run.pid, signal.SIGKILL)
    grown(home, log, content)
    assert numbers(home) == list(range(3_000))
    assert rejects(home) == []
    balanced(home)


def _appended(home: Path) -> int:
    """Bytes of the stream in KiB: a clock that runs while the run works."""
    wal = home / "log.db-wal"
    try:
        return wal.stat().st_size >> 10
    except OSError:
        return 0


CONTENT = st.lists(
    st.sampled_from([flow(1), flow(2), b"bad\n", b"\n", HEADER, HEADED % 3, b"x\r\n", flow(4)]),
    min_size=1,
    max_size=8,
).map(b"".join)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CONTENT, st.data())
def test_any_growth_gives_the_rows_of_the_whole_file(content: bytes, data: st.DataObject) -> None:
    content = content[: data.draw(st.integers(max(len(content) - 9, 1), len(content)))]
    ends = data.draw(st.lists(st.integers(0, len(content)), max_size=5))
    steps = [content[:end] for end in sorted({*ends, len(content)})]
    with TemporaryDirectory() as folder:
        once, several = Path(folder, "once"), Path(folder, "several")
        grown(once, Path(folder, "a"), content)
        grown(several, Path(folder, "a"), *steps)
        assert numbers(several) == numbers(once)
        assert rejects(several) == rejects(once)
        events, rows, rejected, dropped = totals(several)
        assert (rows, rejected) == totals(once)[1:3]
        tails = sum(
            1
            for before, after in pairwise(steps)
            if before and not before.endswith(b"\n") and len(after) > len(before)
        )
        assert (events - tails, dropped - tails) == (totals(once)[0], totals(once)[3])
