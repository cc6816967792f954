"""gzip as it comes: members, layers, padding, damage, bombs."""

import gzip
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode import Refused, inflate
from pipeline.errors import Reason
from pipeline.settings import Limits
from tests.carriers import gzipped

MIB = 1 << 20
HELLO = gzipped(b"hello ")
WORLD = gzipped(b"world")
EMPTY = gzipped(b"")


def inflated(*chunks: bytes, limits: Limits | None = None, cap: int | None = 64 * MIB) -> bytes:
    return b"".join(inflate(chunks, limits or Limits(), cap))


def zeros(size: int, block: int = 16 * MIB) -> bytes:
    """One gzip member of `size` zeros, made fast: the same block of deflate again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    repeated = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(size // block):
        crc = zlib.crc32(bytes(block), crc)
    last = b"\x03\x00" + crc.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + repeated * (size // block) + last


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        (b"", b""),
        (b"plain", b"plain"),
        (b"\x1f", b"\x1f"),
        (b"\x1fplain", b"\x1fplain"),
        (HELLO, b"hello "),
        (EMPTY, b""),
        (HELLO + WORLD, b"hello world"),
        (EMPTY + HELLO + EMPTY + WORLD + EMPTY, b"hello world"),
        (HELLO + b"\0", b"hello "),
        (HELLO + bytes(9000), b"hello "),
        (HELLO + b"\0" + WORLD, b"hello world"),
        (HELLO + bytes(9000) + WORLD + bytes(3), b"hello world"),
        (gzipped(HELLO), b"hello "),
        (gzipped(HELLO) + gzipped(WORLD), b"hello world"),
        (gzipped(b"\x1f"), b"\x1f"),
        (b"\x1f\x8b\x08\x08" + bytes(6) + b"a file name\0" + b"\x03\0" + bytes(8), b""),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 10**6])
def test_members_layers_and_padding_are_read_in_any_chunks(
    payload: bytes, content: bytes, chunk: int
) -> None:
    chunks = [payload[at : at + chunk] for at in range(0, len(payload), chunk)]
    assert inflated(*chunks) == content


@pytest.mark.parametrize(
    ("payload", "reason", "detail"),
    [
        (HELLO[:2], Reason.GZIP_TRUNCATED, "breaks off at byte 2"),
        (HELLO[:9], Reason.GZIP_TRUNCATED, "breaks off at byte 9"),
        (HELLO[:-9], Reason.GZIP_TRUNCATED, f"breaks off at byte {len(HELLO) - 9}"),
        (HELLO[:-1], Reason.GZIP_TRUNCATED, f"breaks off at byte {len(HELLO) - 1}"),
        (HELLO + WORLD[:5], Reason.GZIP_TRUNCATED, f"breaks off at byte {len(HELLO) + 5}"),
        (HELLO + b"\x1f", Reason.GZIP_TRUNCATED, f"breaks off at byte {len(HELLO) + 1}"),
        (gzipped(HELLO[:-1]), Reason.GZIP_TRUNCATED, "breaks off"),
        (HELLO[:-8] + b"oops" + HELLO[-4:], Reason.GZIP_CORRUPT, "damaged"),
        (HELLO[:-4] + b"oops", Reason.GZIP_CORRUPT, "damaged"),
        (b"\x1f\x8b\x07" + HELLO[3:], Reason.GZIP_CORRUPT, "damaged"),
        (HELLO[:10] + b"\xff" * 40, Reason.GZIP_CORRUPT, "damaged"),
        (HELLO + b"x", Reason.GZIP_JUNK, f"from {len(HELLO)} on"),
        (HELLO + b"junk", Reason.GZIP_JUNK, f"from {len(HELLO)} on"),
        (HELLO + b"\0\0x", Reason.GZIP_JUNK, f"from {len(HELLO) + 2} on"),
        (HELLO + b"\x1f\0", Reason.GZIP_JUNK, f"from {len(HELLO)} on"),
        (gzipped(gzipped(HELLO)), Reason.TOO_LARGE, "more than 2 layers"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 10**6])
@pytest.mark.fault("F9")
def test_damage_has_its_own_reason_and_place(
    payload: bytes, reason: Reason, detail: str, chunk: int
) -> None:
    chunks = [payload[at : at + chunk] for at in range(0, len(payload), chunk)]
    with pytest.raises(Refused, match=detail) as refused:
        inflated(*chunks)
    assert refused.value.reason == reason


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.data())
def test_a_cut_member_is_never_taken_for_a_whole_one(parts: list[bytes], data: st.DataObject):
    parts[0] = b"x" + parts[0]  # else the content may look like a second layer
    payload = b"".join(map(gzipped, parts))
    starts = [len(b"".join(map(gzipped, parts[:count]))) for count in range(len(parts) + 1)]
    length = data.draw(st.integers(2, len(payload) - 1))
    if length in starts:
        whole = parts[: starts.index(length)]
        assert inflated(payload[:length]) == b"".join(whole)
    else:
        with pytest.raises(Refused, match=f"breaks off at byte {length}"):
            inflated(payload[:length])


@given(st.binary(min_size=1, max_size=60), st.integers(0, 10**6), st.integers(1, 255))
def test_one_changed_byte_is_an_error_or_does_not_matter(content: bytes, at: int, flip: int):
    payload = bytearray(gzipped(content))
    payload[2 + at % (len(payload) - 2)] ^= flip
    try:
        found: bytes | Reason = inflated(bytes(payload))
    except Refused as refused:
        found = refused.reason
    damaged = (Reason.GZIP_CORRUPT, Reason.GZIP_TRUNCATED, Reason.GZIP_JUNK)
    assert found in (content, *damaged)


@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1])
def test_content_that_just_fills_the_buffer_is_whole(size: int) -> None:
    text = (b"2 123456789010 eni-1235b8ca 10.0.0.1 " * (size // 36 + 1))[:size]
    assert inflated(gzipped(text)) == text
    assert inflated(gzipped(bytes(size)), limits=Limits(inflate_ratio=10_000)) == bytes(size)


def test_the_cap_is_exact() -> None:
    payload = gzipped(bytes(5000))
    assert len(inflated(payload, cap=5000)) == 5000
    with pytest.raises(Refused, match="inflates to more than 4999 bytes"):
        inflated(payload, cap=4999)
    with pytest.raises(Refused, match="inflates to more than 4999 bytes"):
        inflated(gzipped(payload), cap=4999)


def test_the_cap_counts_all_members_together() -> None:
    assert len(inflated(HELLO * 3, cap=18)) == 18
    with pytest.raises(Refused, match="inflates to more than 17 bytes"):
        inflated(HELLO * 3, cap=17)


def test_the_ratio_counts_above_its_threshold_only() -> None:
    payload = gzipped(bytes(100_000))
    at_most = len(payload) * 10
    with pytest.raises(Refused, match=f"more than 1:10 after {len(payload)} bytes"):
        inflated(payload, limits=Limits(inflate_ratio=10, ratio_from_bytes=at_most))
    limits = Limits(inflate_ratio=10, ratio_from_bytes=100_000)
    assert len(inflated(payload, limits=limits)) == 100_000
    limits = Limits(inflate_ratio=10, ratio_from_bytes=99_999)
    with pytest.raises(Refused, match="more than 1:10"):
        inflated(payload, limits=limits)


def test_a_ratio_is_that_of_all_layers_together() -> None:
    inner = zeros(32 * MIB)
    nested = gzipped(inner)
    assert len(nested) * 200 < 4 * MIB
    with pytest.raises(Refused, match=f"more than 1:200 after {len(nested)} bytes"):
        inflated(nested)


def test_content_comes_as_it_is_read_and_not_at_the_end() -> None:
    def chunks() -> Iterable[bytes]:
        yield HELLO
        raise AssertionError("asked for more before the first content was taken")

    assert next(iter(inflate(chunks(), Limits()))) == b"hello "


def test_a_flood_of_empty_members_is_read_in_time() -> None:
    started = time.perf_counter()
    assert inflated(EMPTY * 50_000 + HELLO) == b"hello "
    assert time.perf_counter() - started < 5


BOMB = """
import resource, sys, time
from pipeline.decode import decode
from pipeline.settings import Limits
from pipeline.triggers import Record
payload = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
(failure,) = decode([Record(payload, "1", 0, "s")], Limits()).failures
seconds = time.perf_counter() - started
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(failure.reason, seconds, grown // 1024)
"""


@pytest.mark.fault("F10")
@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_of_one_gibibyte_costs_little_time_and_memory(layers: int) -> None:
    payload = zeros(1024 * MIB)
    assert 0.9 * MIB < len(payload) < 1.1 * MIB
    if layers == 2:
        payload = gzipped(payload)
    ran = partial(subprocess.run, input=payload, capture_output=True, check=True, timeout=60)
    reason, seconds, grown_mib = ran([sys.executable, "-c", BOMB]).stdout.split()
    assert reason == b"too_large"
    assert float(seconds) < 2
    assert int(grown_mib) < 200


WITHOUT_ISAL = """
import sys
sys.modules["isal"] = None
import gzip, zlib
from pipeline.decode import Refused, inflate
from pipeline.decode import inflate as function
from pipeline.settings import Limits

def read(payload):
    try:
        return b"".join(inflate((payload,), Limits(), 1 << 20))
    except Refused as refused:
        return str(refused.reason)

assert sys.modules[function.__module__].engine is zlib
hello = gzip.compress(b"hello ", mtime=0)
assert read(hello * 2 + bytes(9)) == b"hello hello "
assert read(gzip.compress(hello)) == b"hello "
assert read(hello[:-1]) == "gzip_truncated"
assert read(hello[:-8] + b"oops" + hello[-4:]) == "gzip_corrupt"
assert read(hello + b"x") == "gzip_junk"
assert read(gzip.compress(bytes(1 << 21))) == "too_large"
assert len(read(gzip.compress(bytes(1 << 20)))) == 1 << 20
"""


def test_the_standard_library_reads_the_same_where_isal_is_missing() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT_ISAL], capture_output=True, timeout=60)
    assert ran.stderr == b""
    assert ran.returncode == 0


def test_a_member_whose_header_comes_in_two_pieces_is_read() -> None:
    packed = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packed.compress(b"second\n") + packed.flush()
    header = b"\x1f\x8b\x08\x0c" + bytes(6) + b"\x04\x00abcd" + b"name\0"
    trailer = struct.pack("<II", zlib.crc32(b"second\n"), 7)
    text = gzip.compress(b"first\n") + header + body + trailer
    for at in range(1, len(text)):
        found = b"".join(inflate([text[:at], text[at:]], Limits()))
        assert found == b"first\nsecond\n", f"split at {at}"
