"""Files and standard input: how they are looked at, cut into records and gone on with."""

import base64
import gzip
import json
import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.inputs import opened
from pipeline.decode.inflate import Refused
from pipeline.errors import InputError, Reason
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.store import Store
from pipeline.stream.carry import Origin
from pipeline.stream.files import (
    Progress,
    feed,
    known_input,
)
from pipeline.stream.log import Log
from pipeline.stream.pipe import feed_stdin, first_arrival
from pipeline.stream.scan import Scan, scan
from pipeline.stream.slices import cut
from pipeline.triggers import Record, name_of
from tests.carriers import envelope, gzipped, log_event
from tests.homes import flow, flows, written

ORIGIN = Origin(find("vpc-flow"), (), "", 1_000)
TINY = Limits(slice_bytes=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "home", writer=True)
    yield opened
    opened.close()


def members(*parts: bytes) -> bytes:
    """A gzip file of several members: each comes as a chunk of its own."""
    return b"".join(map(gzipped, parts))


def scanned(path: Path, limits: Limits = TINY) -> Scan:
    with opened(str(path)) as file:
        return scan(file, name_of(str(path)), limits)


def feeding(
    store: Store, path: Path, found: Scan, origin: Origin, limits: Limits
) -> Iterator[Progress]:
    with path.open("rb") as file:
        yield from feed(store, file, found, origin, limits)


def fed(store: Store, path: Path, origin: Origin = ORIGIN, limits: Limits = TINY) -> list[Progress]:
    return list(feeding(store, path, scanned(path, limits), origin, limits))


def records(store: Store) -> list[Record]:
    log = Log(store)
    found = [each for shard in log.shards for each in log.load(log.heads(shard, 1_000, Limits()))]
    return [stored.record for stored in sorted(found, key=lambda each: each.seq)]


def payloads(store: Store) -> list[bytes]:
    return [record.payload for record in records(store)]


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    text = b"one\ntwo\nrest"
    found = scanned(written(tmp_path / "a", text), TINY)
    assert (found.digest, found.length, found.lines) == (sha256(text).hexdigest(), 12, 3)
    assert found.complete == (8, sha256(b"one\ntwo\n").hexdigest())
    assert (found.whole, found.refused) == (False, "")


@pytest.mark.parametrize(
    "packed",
    [gzipped(b"one\ntwo\n"), members(b"one\nt", b"wo\n"), gzipped(gzipped(b"one\ntwo\n"))],
    ids=["gzip", "members", "twice"],
)
def test_a_packed_file_has_the_digest_of_what_is_in_it(tmp_path: Path, packed: bytes) -> None:
    plain, zipped = (
        scanned(written(tmp_path / n, t), TINY) for n, t in (("a", b"one\ntwo\n"), ("b", packed))
    )
    assert (zipped.digest, zipped.length, zipped.lines) == (plain.digest, 8, 2)
    assert zipped.complete == plain.complete


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert scanned(written(tmp_path / "a"), TINY).length == 0
    assert scanned(written(tmp_path / "b", gzipped(b"")), TINY).length == 0


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (gzipped(flows(1, 2))[:-9], "gzip_truncated: gzip breaks off at byte "),
        (gzipped(flows(1, 2)) + b"junk", "gzip_junk: bytes that are no gzip from "),
        (gzipped(flows(1, 2))[:-8] + bytes(8), "gzip_corrupt: gzip is damaged near byte "),
        (gzipped(gzipped(gzipped(b"x"))), "too_large: more than 2 layers of gzip"),
        (gzipped(bytes(5_000_000)), "too_large: inflates more than 1:200 after "),
        (b"PAR1 and so on PAR1", "parquet_unsupported: Parquet flow logs are not read yet"),
    ],
    ids=["truncated", "junk", "crc", "layers", "bomb", "parquet"],
)
def test_a_file_that_cannot_be_read_becomes_one_refused_record(
    store: Store, tmp_path: Path, content: bytes, refused: str
) -> None:
    path = written(tmp_path / "a", content)
    assert fed(store, path) == [Progress(len(content), len(content))]
    (record,) = records(store)
    assert record.refused.startswith(refused)
    assert record.payload == content


def test_a_damaged_file_that_is_large_is_kept_by_path_length_and_digest(
    store: Store, tmp_path: Path
) -> None:
    content = gzipped(flows(1, 2))[:-9]
    path = written(tmp_path / "a", content)
    fed(store, path, limits=Limits(kept_file_bytes=len(content) - 1))
    (record,) = records(store)
    assert json.loads(record.payload) == {
        "path": str(path),
        "length": len(content),
        "digest": sha256(content).hexdigest(),
    }
    assert record.refused.startswith("gzip_truncated: ")


def test_one_envelope_over_several_lines_is_taken_whole(store: Store, tmp_path: Path) -> None:
    text = json.dumps(json.loads(envelope([log_event()])), indent=2).encode()
    fed(store, written(tmp_path / "a", gzipped(text)))
    (record,) = records(store)
    assert (record.payload, record.opened) == (gzipped(text), False)


def test_base64_of_gzip_is_taken_whole(store: Store, tmp_path: Path) -> None:
    text = base64.b64encode(gzip.compress(flows(1), mtime=0))
    fed(store, written(tmp_path / "a", text))
    (record,) = records(store)
    assert (record.payload, record.opened) == (text, False)


def test_a_record_that_would_be_too_large_is_refused_and_not_copied(
    store: Store, tmp_path: Path
) -> None:
    text = base64.b64encode(gzip.compress(flows(1), mtime=0))
    fed(store, written(tmp_path / "a", text), limits=Limits(kept_file_bytes=50))
    (record,) = records(store)
    assert record.refused == f"too_large: a file of {len(text)} bytes as one record"
    assert json.loads(record.payload)["length"] == len(text)


def test_envelopes_one_a_line_are_lines(store: Store, tmp_path: Path) -> None:
    text = envelope([log_event()]) + b"\n" + envelope([log_event(number=1)]) + b"\n"
    fed(store, written(tmp_path / "a", text))
    (record,) = records(store)
    assert (record.payload, record.opened) == (text, True)


def test_a_path_that_cannot_be_opened_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the file cannot be opened: No such file.*\n  at .*gone"):
        scanned(tmp_path / "gone", TINY)
    with pytest.raises(InputError, match="the file cannot be opened: Is a directory"):
        scanned(tmp_path, TINY)


def test_slices_end_with_a_line_and_go_on_counting_lines(store: Store, tmp_path: Path) -> None:
    text = members(b"one\ntwo\nth", b"ree\nfo", b"ur", b"\nfive")
    progress = fed(store, written(tmp_path / "a", text))
    assert payloads(store) == [b"one\ntwo\n", b"three\n", b"four\n", b"five"]
    assert [record.first_ordinal for record in records(store)] == [0, 2, 3, 4]
    assert progress == [Progress(done, 23) for done in (8, 14, 19, 23)]
    digest = scanned(tmp_path / "a", TINY).digest
    assert {record.identity for record in records(store)} == {f"content/{digest}"}


def test_slices_are_as_long_as_the_limit_says(store: Store, tmp_path: Path) -> None:
    text = members(*(b"%d\n" % n for n in range(8)))
    fed(store, written(tmp_path / "a", text), limits=Limits(slice_bytes=6))
    assert payloads(store) == [b"0\n1\n2\n", b"3\n4\n5\n", b"6\n7\n"]


def test_the_same_content_again_adds_nothing(store: Store, tmp_path: Path) -> None:
    fed(store, written(tmp_path / "a", flows(1, 2)))
    assert fed(store, written(tmp_path / "other name", flows(1, 2))) == []
    assert fed(store, written(tmp_path / "packed", gzipped(flows(1, 2)))) == []
    assert payloads(store) == [flows(1, 2)]


def test_another_source_may_read_the_same_file(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a", flows(1))
    fed(store, path)
    fed(store, path, Origin(find("app-log"), (), "", 1_000))
    assert payloads(store) == [flows(1), flows(1)]


def test_an_empty_file_adds_nothing(store: Store, tmp_path: Path) -> None:
    assert fed(store, written(tmp_path / "a")) == []
    assert payloads(store) == []


@pytest.mark.parametrize("slice_bytes", [1, 9, 1 << 20])
def test_a_run_that_was_cut_short_goes_on_where_it_stopped(
    store: Store, tmp_path: Path, slice_bytes: int
) -> None:
    path = written(tmp_path / "a", members(*(b"line %d\n" % n for n in range(9))))
    first = feeding(store, path, scanned(path, TINY), ORIGIN, TINY)
    assert [next(first).done for _ in range(4)] == [7, 14, 21, 28]
    del first
    later = Origin(ORIGIN.source, (), "", 999_000)
    assert fed(store, path, later, Limits(slice_bytes=slice_bytes))[-1] == Progress(63, 63)
    assert b"".join(payloads(store)) == b"".join(b"line %d\n" % n for n in range(9))
    ordinals = [record.first_ordinal for record in records(store)]
    assert ordinals == [payload[5] - ord("0") for payload in payloads(store)]
    assert {record.arrival_ms for record in records(store)} == {1_000}


def test_a_header_holds_for_the_slices_behind_it(store: Store, tmp_path: Path) -> None:
    text = members(b"1 2\n", b"srcaddr end\n", b"10.0.0.1 1418530070\n", b"end srcaddr\n", b"3 4\n")
    fed(store, written(tmp_path / "a", text), Origin(ORIGIN.source, ("bytes end",), "", 1_000))
    assert [record.header for record in records(store)] == [
        "",
        "",
        "srcaddr end",
        "srcaddr end",
        "end srcaddr",
    ]


def test_a_header_still_holds_when_a_run_goes_on(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a", members(b"srcaddr end\n", b"10.0.0.1 1418530070\n"))
    next(feeding(store, path, scanned(path, TINY), ORIGIN, TINY))
    fed(store, path)
    assert [record.header for record in records(store)] == ["", "srcaddr end"]


def test_a_time_is_handed_on_to_the_slices_behind_it(store: Store, tmp_path: Path) -> None:
    path = written(
        tmp_path / "a", members(b"2014-12-14T04:07:50Z up\n", b"  no time\n", b"still none\n")
    )
    origin = Origin(find("app-log"), (), "", 1_418_600_000_000)
    next(feeding(store, path, scanned(path, TINY), origin, TINY))
    fed(store, path, origin)
    times = [record.time_ms for record in records(store)]
    assert times == [None, 1_418_530_070_000, 1_418_530_070_000]


@pytest.mark.parametrize("later", [flows(1, 2), gzipped(flows(1)), gzipped(flows(1)) + b"junk"])
def test_a_file_that_still_begins_so_gives_what_was_scanned(
    store: Store, tmp_path: Path, later: bytes
) -> None:
    path = written(tmp_path / "a", flows(1))
    found = scanned(path, TINY)
    written(path, later)
    list(feeding(store, path, found, ORIGIN, TINY))
    assert payloads(store) == [flows(1)]


@pytest.mark.parametrize(
    "later",
    [flows(1, 3), flows(1), b"", gzipped(flows(1, 2))[:40], b"\x1f\x8b junk"],
    ids=["other", "shorter", "empty", "truncated", "junk"],
)
def test_a_file_that_changes_meanwhile_is_an_input_error(
    store: Store, tmp_path: Path, later: bytes
) -> None:
    path = written(tmp_path / "a", flows(1, 2))
    found = scanned(path, TINY)
    written(path, later)
    with pytest.raises(InputError, match=r"the file changed while it was read\n  at .*a\n"):
        list(feeding(store, path, found, ORIGIN, TINY))


def test_a_file_name_may_be_any_bytes(store: Store, tmp_path: Path) -> None:
    path = written(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.log")), flows(1))
    fed(store, path)
    known = known_input(store, "vpc-flow", scanned(path, TINY).digest)
    assert known is not None
    assert known["name"] == str(tmp_path / "\\xff.log")


def piped(chunks: Sequence[bytes], close: bool = True) -> tuple[BinaryIO, int]:
    reading, writing = os.pipe()
    for chunk in chunks:
        os.write(writing, chunk)
    if close:
        os.close(writing)
    return os.fdopen(reading, "rb"), writing


def test_standard_input_is_read_to_its_end(store: Store) -> None:
    stream, _ = piped([flows(1, 2), flow(3)[:-1]])
    with stream:
        list(feed_stdin(store, stream, "request/vpc-flow/k", ORIGIN, Limits()))
    assert b"".join(payloads(store)) == flows(1, 2, 3)[:-1]
    assert {record.identity for record in records(store)} == {"request/vpc-flow/k"}
    firsts = [record.first_ordinal for record in records(store)]
    assert firsts == [0, *([2] if len(firsts) > 1 else [])]


def test_standard_input_is_read_as_it_comes(store: Store) -> None:
    stream, writing = piped([b"srcaddr end\n", b"10.0.0.1 1418530070\n10."], close=False)
    with stream:
        coming = feed_stdin(store, stream, "k", ORIGIN, Limits())
        next(coming)
        assert payloads(store) == [b"srcaddr end\n10.0.0.1 1418530070\n"]
        os.write(writing, b"0.0.2 1418530071\n")
        next(coming)
        os.close(writing)
        assert list(coming) == []
    last = records(store)[-1]
    assert last.payload == b"10.0.0.2 1418530071\n"
    assert (last.first_ordinal, last.header) == (2, "srcaddr end")


def test_an_empty_standard_input_adds_nothing(store: Store) -> None:
    stream, _ = piped([])
    with stream:
        assert list(feed_stdin(store, stream, "k", ORIGIN, Limits())) == []
    assert payloads(store) == []


def test_whole_lines_before_a_break_in_standard_input_stand(store: Store) -> None:
    stream, _ = piped([members(flows(1, 2), flows(3)), gzipped(flows(4) * 50)[:-9]])
    with stream:
        list(feed_stdin(store, stream, "k", ORIGIN, Limits()))
    *good, broken = records(store)
    text = b"".join(record.payload for record in good)
    assert text.startswith(flows(1, 2, 3))
    assert text.endswith(b"\n")
    assert (broken.payload, broken.first_ordinal) == (b"", text.count(b"\n"))
    assert broken.refused.startswith("gzip_truncated: gzip breaks off at byte ")


def test_a_key_keeps_the_arrival_that_it_came_with_first(store: Store) -> None:
    assert first_arrival(store, "app-log", "request/app-log/k", 5) == 5
    assert first_arrival(store, "app-log", "request/app-log/k", 9) == 5
    assert first_arrival(store, "app-log", "request/app-log/other", 9) == 9


@pytest.mark.parametrize(
    ("chunks", "at_least", "at_most", "pieces"),
    [
        ([], 1, 9, []),
        ([b"a\nb"], 1, 9, [b"a\n", b"b"]),
        ([b"a", b"b", b"\nc\n"], 1, 9, [b"ab\nc\n"]),
        ([b"a\n", b"b\n", b"c\n"], 3, 9, [b"a\nb\n", b"c\n"]),
        ([b"a\n", b"b\n", b"c\n"], 9, 9, [b"a\nb\nc\n"]),
        ([b"long", b" line", b" ends\n"], 1, 9, [b"long line", b" ends\n"]),
        ([b"long", b" lin", b"e ends\n"], 1, 9, [b"long line ends\n"]),
    ],
)
def test_pieces_end_with_a_line(
    chunks: list[bytes], at_least: int, at_most: int, pieces: list[bytes]
) -> None:
    assert list(cut(iter(chunks), at_least, at_most)) == pieces


@given(st.lists(st.text("ab\n", min_size=1).map(str.encode)), st.integers(1, 9), st.integers(1, 20))
def test_pieces_are_all_there_and_only_long_lines_are_cut(
    chunks: list[bytes], at_least: int, at_most: int
) -> None:
    pieces = list(cut(iter(chunks), at_least, at_most))
    assert b"".join(pieces) == b"".join(chunks)
    assert all(piece.endswith(b"\n") or len(piece) >= at_most for piece in pieces[:-1])


def test_a_break_comes_behind_the_whole_lines_before_it() -> None:
    def breaking() -> Iterator[bytes]:
        yield b"a\nb\nhal"
        raise Refused(Reason.GZIP_CORRUPT, "damaged")

    pieces = cut(breaking(), 100, 100)
    assert next(pieces) == b"a\nb\n"
    with pytest.raises(Refused, match="damaged"):
        next(pieces)
