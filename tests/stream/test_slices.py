"""How large a slice is: so many bytes, and never more than so many lines."""

from pathlib import Path

from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.store import Store
from pipeline.stream.carry import Origin
from pipeline.stream.files import feed
from pipeline.stream.log import Log
from pipeline.stream.pipe import feed_stdin
from pipeline.stream.scan import scan
from pipeline.stream.slices import MOST_LINES, cut
from pipeline.triggers import Record
from tests.homes import written

LIMITS = Limits()
ORIGIN = Origin(find("vpc-flow"), (), "", 1_000)
SHORT = b"a\n" * (2 * MOST_LINES + 7)


def records(home: Path) -> list[Record]:
    store = Store(home, writer=False)
    log = Log(store)
    found = [each for shard in log.shards for each in log.load(log.heads(shard, 1_000, LIMITS))]
    store.close()
    return [stored.record for stored in sorted(found, key=lambda each: each.seq)]


def test_short_lines_of_a_file_fill_a_slice_by_their_number(tmp_path: Path) -> None:
    store = Store(tmp_path / "home", writer=True)
    with written(tmp_path / "a", SHORT).open("rb") as file:
        list(feed(store, file, scan(file, "a", LIMITS), ORIGIN, LIMITS))
    store.close()
    found = records(tmp_path / "home")
    assert [each.payload.count(b"\n") for each in found] == [MOST_LINES, MOST_LINES, 7]
    assert [each.first_ordinal for each in found] == [0, MOST_LINES, 2 * MOST_LINES]
    assert b"".join(each.payload for each in found) == SHORT


def test_short_lines_of_a_pipe_fill_a_slice_by_their_number(tmp_path: Path) -> None:
    store = Store(tmp_path / "home", writer=True)
    with written(tmp_path / "a", SHORT).open("rb") as stream:
        list(feed_stdin(store, stream, "k", ORIGIN, LIMITS))
    store.close()
    found = records(tmp_path / "home")
    assert [each.payload.count(b"\n") for each in found] == [MOST_LINES, MOST_LINES, 7]
    assert [each.first_ordinal for each in found] == [0, MOST_LINES, 2 * MOST_LINES]


def test_lines_of_usual_length_fill_a_slice_by_their_size() -> None:
    chunk = (b"x" * 99 + b"\n") * 10_000
    pieces = cut(iter([chunk] * 20), LIMITS.slice_bytes, LIMITS.record_bytes)
    assert [len(piece) for piece in pieces] == [17_000_000, 3_000_000]


def test_an_unterminated_line_stays_behind_as_many_as_a_slice_may_have() -> None:
    chunk = b"\n" * (MOST_LINES + 1) + b"end"
    assert list(cut(iter([chunk]), len(chunk) + 1, LIMITS.record_bytes)) == [
        b"\n" * MOST_LINES,
        b"\nend",
    ]


def test_one_envelope_is_known_behind_many_empty_lines(tmp_path: Path) -> None:
    rest = b'"messageType": "CONTROL_MESSAGE", "logEvents": []}\n'
    with written(tmp_path / "a", b"{", b"\n" * (MOST_LINES + 1), rest).open("rb") as file:
        assert scan(file, "a", LIMITS).whole
