"""The objects of the quarantine: each is there, with its digest and all its rejects."""

import re
import sqlite3
import zlib
from collections.abc import Iterator
from hashlib import sha256

from pipeline.ledger.findings import Finding
from pipeline.ledger.scope import SOUND, Scope, number, place_of, regular, why

ID_BYTES = 8
# Written by our own encoder: the identity comes before anything that a log line can say.
HEAD_BYTES, GZIP_WINDOW = 1 << 10, 31
FILE = re.compile(rb'"identity":"content/([0-9a-f]+)"')
# While an erasure is at it, or was broken off, an object is the old one or the new one.
_OBJECTS = """
select o.key, o.digest, o.bytes, o.rejects, o.resolved, e.digest as next_digest,
  o.gone or coalesce(e.gone, 0) as gone
from quarantine_object o left join erasing e on e.key = o.key
"""


def check_objects(scope: Scope, kept: dict[int, str]) -> Iterator[Finding]:
    """Compare the objects with the ledger; note in `kept` which sequence came from which file."""
    known = {row["key"]: row for row in scope.store.rows(_OBJECTS)}
    promised = scope.store.rows(
        f"select seq, object, source, arrival_ms, rejected from ledger where {SOUND}"  # noqa: S608
        " and (object is not null or rejected > 0) and arrival_ms >= ?",
        scope.since_ms,
    )
    for entry in promised:
        key, place = entry["object"], place_of(entry)
        if not isinstance(key, str):
            detail = f"{entry['rejected']} rejects, and the ledger names no object that keeps them"
            yield Finding("object_missing", f"sequence {entry['seq']}", detail, *place)
            continue
        row = known.get(key)
        if row is None or not _keeps(row, entry["rejected"]):
            yield Finding("object_missing", key, "the ledger does not know this object", *place)
            continue
        if row["gone"]:
            # All that it kept was erased.
            continue
        try:
            content = regular(scope.quarantine / key).read_bytes()
        except (OSError, ValueError) as error:
            yield Finding("object_missing", key, f"cannot be read: {why(error)}", *place)
            continue
        if sha256(content).hexdigest() not in (row["digest"], row["next_digest"]):
            yield Finding("object_changed", key, "its content is not what was kept", *place)
            continue
        digest = _file_of(content)
        if digest:
            kept[entry["seq"]] = digest


def _keeps(row: sqlite3.Row, rejected: int) -> bool:
    """Whether an object has the rejects of its entry, and those that became rows later."""
    resolved = row["resolved"]
    if not (number(row["bytes"]) and isinstance(resolved, bytes)):
        return False
    return bool(row["rejects"] == rejected + len(resolved) // ID_BYTES)


def _file_of(content: bytes) -> str:
    """Digest of the file that the record of an object came from; "" for another carrier."""
    try:
        head = zlib.decompressobj(GZIP_WINDOW).decompress(content, HEAD_BYTES)
    except zlib.error:
        return ""
    found = FILE.search(head)
    return found[1].decode() if found else ""
