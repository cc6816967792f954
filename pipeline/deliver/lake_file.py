"""A file of the lake, by the name and the digest under which the catalogue knows it."""

from dataclasses import dataclass
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# Files of a replay of the log: of no flush (sequence numbers begin with 1), because the ledger
# promises nothing of them.
NO_FLUSH = 0
LOG_REPLAY = "l"
LANDING, CURATED = "landing", "curated"
DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file of the lake as the catalogue knows it; times in epoch milliseconds, both included.

    arrival_hour  YYYY-MM-DDTHH of a landing file; "" of a curated one
    shard         of a curated file: its number among the files of its day
    first_seq     first sequence number of the flush; of a curated file its version, as last_seq
    folded        version of the curated files that a landing file was folded into
    retired_ms    when other files took its place: no query that began later reads it
    """

    path: str
    zone: str
    table: str
    arrival_hour: str
    rows: int
    bytes: int
    digest: str
    first_ms: int
    last_ms: int
    shard: int
    first_seq: int
    last_seq: int
    folded: int | None = None
    retired_ms: int | None = None


def digest_of(content: "pa.Buffer | bytes") -> str:
    """Digest by which the catalogue knows a file's content (BLAKE2b, 128 bits)."""
    return blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


def digest_of_file(path: Path) -> str:
    """The same of a file, however large. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=DIGEST_BYTES)).hexdigest()
