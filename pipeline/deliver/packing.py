"""Lines packed into Firehose's records, and records into calls.

Firehose bills each record in steps of 5 KB, so records are made as large as it takes them.
Source: Amazon Data Firehose API Reference, "PutRecordBatch": a record has at most 1,000 KiB before
base64, a call at most 500 records and 4 MiB. It is not said whether those are before base64, so a
call is three full records: 4,096,000 bytes as sent, and not 3 % more of them.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from pipeline.deliver.ndjson import Lines

RECORD_BYTES = 1_000 * 1024
CALL_BYTES = 3 * RECORD_BYTES
CALL_RECORDS = 500


def packed(pieces: Iterable[Lines], most_bytes: int = RECORD_BYTES) -> Iterator[bytes]:
    """Whole lines in records of at most `most_bytes`, each as full as the next line allows.

    Raises ValueError for a line that fits no record.
    """
    held: list[bytes] = []
    size = 0
    for lines in pieces:
        if len(lines) and int(lines.sizes.max()) > most_bytes:
            raise ValueError(f"a line of {int(lines.sizes.max())} bytes fits no record")
        first = 0
        while first < len(lines):
            end = _last_that_fits(lines, first, most_bytes - size)
            if end > first:
                part = lines.part(first, end).joined()
                held.append(part)
                size += len(part)
            if end < len(lines):
                yield b"".join(held)
                held, size = [], 0
            first = end
    if held:
        yield b"".join(held)


def calls(
    records: Iterable[bytes], most_records: int = CALL_RECORDS, most_bytes: int = CALL_BYTES
) -> Iterator[list[bytes]]:
    """Records in calls of at most so many, and so many bytes; a record must not be larger."""
    held: list[bytes] = []
    size = 0
    for record in records:
        if held and (len(held) == most_records or size + len(record) > most_bytes):
            yield held
            held, size = [], 0
        held.append(record)
        size += len(record)
    if held:
        yield held


def _last_that_fits(lines: Lines, first: int, room: int) -> int:
    """The line before which a record ends that begins with line `first`."""
    last = int(lines.offsets[first]) + room
    return int(np.searchsorted(lines.offsets, last, "right")) - 1
