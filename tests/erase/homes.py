"""Homes from which somebody is erased by tests."""

import base64
import gzip
import json
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pyarrow import parquet

from pipeline.erase import embedded
from pipeline.erase.receipt import Receipt
from pipeline.erase.subject import Subject, of_address
from pipeline.home import MACHINE, audit_of, erase, erasure_at, readable, writing
from pipeline.ledger.findings import Hour
from pipeline.stream.log import Incoming
from tests.homes import files_under
from tests.processed import context

ADDRESS, OTHER = "203.0.113.9", "203.0.113.90"
SALT = bytes(range(16))
DAY_1, DAY_2 = 1_418_515_100, 1_418_515_300  # either side of midnight


def line(number: int, source: str = OTHER, end: int = DAY_2) -> bytes:
    """A flow whose bytes are `number`."""
    return (
        b"2 123456789010 eni-1235b8ca123456789 %s 172.31.16.21 20641 22 6 20 %d %d %d ACCEPT OK\n"
        % (source.encode(), number, end - 60, end)
    )


def bad(source: str = OTHER) -> bytes:
    """A line that is refused."""
    return b"2 123456789010 eni-1 %s 172.31.16.21 refused\n" % source.encode()


def bomb(mebibytes: int) -> bytes:
    """gzip that inflates to so many MiB of zeros and then breaks off."""
    packer, piece = zlib.compressobj(wbits=31), bytes(1 << 20)
    # Behind a full flush the same bytes stand for the same piece.
    first, again = (packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (mebibytes - 1)


def send(
    home: Path, *payloads: bytes, source: str = "vpc-flow", identity: str | None = None
) -> None:
    """Bring records in that arrive now."""
    now_ms = int(time.time() * 1000)
    with writing(home, context()) as opened:
        opened.log.append(
            [Incoming(source, "a", each, now_ms, identity=identity) for each in payloads]
        )
        opened.worker.drain()


def erased(home: Path, subject: Subject | str = ADDRESS) -> Receipt:
    """Erase somebody, as the command does."""
    whom = of_address(subject) if isinstance(subject, str) else subject
    with writing(home, context()) as opened:
        opened.worker.drain()
        scope = erasure_at(opened, context(), MACHINE)
        return erase(opened, scope, embedded.plan(scope, whom), SALT, lambda text: None)


def hours(home: Path) -> Sequence[Hour]:
    """The hours of an audit that balances."""
    with readable(home) as opened:
        found = audit_of(opened)
    assert found.balanced, found.findings
    return found.hours


def sums(home: Path, source: str = "vpc-flow") -> tuple[int, int, int, int]:
    """Events in, rows, rejected and erased of a source, over all hours of a balanced audit."""
    mine = [hour for hour in hours(home) if hour.source == source]
    assert not any(hour.unaccounted for hour in mine)
    return (
        sum(hour.events_in for hour in mine),
        sum(hour.rows for hour in mine),
        sum(hour.rejected for hour in mine),
        sum(hour.erased for hour in mine),
    )


def holders(home: Path, text: str) -> list[str]:
    """Files of the lake, the quarantine and the receipts in which a text stands, however packed."""
    return [
        path
        for path in files_under(home)
        if not path.startswith("log.db") and text.encode() in _plain(home / path)
    ]


def _plain(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".parquet":
        return repr(parquet.read_table(path, partitioning=None).to_pylist()).encode()
    if path.suffix == ".gz":
        body = json.loads(gzip.decompress(content))
        raws = [each["raw"] for each in body.get("lines", [])] + [body.get("payload") or ""]
        opened = b" ".join(map(base64.b64decode, raws))
        return json.dumps(body).encode() + opened + _inflated(opened)
    return content


def _inflated(content: bytes) -> bytes:
    """As much as can be inflated."""
    if not content.startswith(b"\x1f\x8b"):
        return b""
    with suppress(zlib.error):
        return zlib.decompressobj(31).decompress(content)
    return b""
