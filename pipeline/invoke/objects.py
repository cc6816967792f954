"""Objects in S3 as records: opened and digested once before the first row, then slice by slice.

Their lines are known by the digest of the content and their place in it, so an object that is
announced or fetched twice is one.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.stream.carry import Carry, Origin
from pipeline.stream.scan import Scan, as_one_record, scan
from pipeline.stream.slices import pieces, slices
from pipeline.triggers import Notice, Record


def records_of(
    file: BinaryIO, notice: Notice, source: str, formats: tuple[str, ...], limits: Limits
) -> Iterator[Record]:
    """The records of an object whose bytes stand in a file of our own; none when it is empty."""
    found = scan(file, notice.uri, limits)
    if found.length == 0 and not found.refused:
        return
    first = Record(
        b"",
        _position(notice, found, 0),
        notice.arrival_ms,
        f"content/{found.digest}",
        formats=formats,
    )
    if found.whole:
        yield _whole(file, found, first, limits)
        return
    origin, carry = Origin(find(source), formats, "", notice.arrival_ms), Carry()
    for each in slices(pieces(file, limits)):
        if each.payload:
            yield replace(
                first,
                payload=each.payload,
                position=_position(notice, found, each.first),
                first_ordinal=each.first,
                opened=True,
                header=carry.header,
                time_ms=carry.time_ms,
                plain=carry.plain,
            )
            carry = carry.after(origin, each.payload)


def _whole(file: BinaryIO, found: Scan, first: Record, limits: Limits) -> Record:
    payload, refused = as_one_record(file, found, limits)
    return replace(first, payload=payload, refused=refused)


def _position(notice: Notice, found: Scan, ordinal: int) -> str:
    # With the content: what is put over an object later is something else.
    return f"{notice.uri}@{found.digest[:16]}#{ordinal:012d}"
