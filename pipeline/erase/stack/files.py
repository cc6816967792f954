"""Objects searched for a subject, and written without it, by way of files of our own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa

from pipeline.erase import parquet
from pipeline.erase.parquet import Searched, Unreadable
from pipeline.erase.stack.objects import Bucket, Gone, Kept, Key
from pipeline.erase.stack.work import LEAST_BYTES, MOST_BYTES, folder
from pipeline.erase.subject import Subject
from pipeline.errors import TailraceError
from pipeline.schema import Table

# A footer's length and the magic behind it.
END_BYTES, LENGTH_BYTES = 8, 4
DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """A version of an object that holds rows of the subject."""

    key: Key
    kept: Kept
    searched: Searched


@dataclass(frozen=True)
class Files:
    """Looks for one subject.

    scratch  a folder of our own with room for two files of the lake
    check    raises where another execution has taken over: then nothing may be changed any more
    """

    bucket: Bucket
    erasure: str
    subject: Subject
    scratch: Path
    check: Callable[[], None]

    def hits(self, table: Table, key: Key) -> Iterator[Hit]:
        """Versions of an object that hold rows of the subject, newest first.

        One that cannot be searched is noted, and left out. Raises TailraceError where S3 does not
        give it.
        """
        for now, kept, found in self.searches(table, key):
            if found is not None and len(found.gone):
                yield Hit(now, kept, found)

    def searches(self, table: Table, key: Key) -> Iterator[tuple[Key, Kept, Searched | None]]:
        """What each version of an object holds, newest first: the object, version, and what.

        One that has gone since it was listed holds nothing; where that was the one that is read,
        what is there now is searched in its place. None, and raises, as `_searched`.
        """
        for kept in key.versions:
            try:
                found = self._searched(table, key.key, kept)
            except Gone:
                if kept.latest:
                    yield from self.searches(table, self.bucket.key(key.key))
                    return
                continue
            yield key, kept, found

    def delete(self, key: str, versions: Sequence[Kept]) -> None:
        """Delete versions of an object for good. Raises TailraceError where that must not be."""
        self.check()
        self.bucket.delete(key, versions)

    def _searched(self, table: Table, key: str, kept: Kept) -> Searched | None:
        """What a version holds; None, and noted, where nobody can tell."""
        if kept.bytes < LEAST_BYTES:
            return Searched(0, pa.table({}))
        if kept.bytes <= MOST_BYTES:
            try:
                self.bucket.fetch(key, self._from, kept.id)
                found = parquet.search(self._from, table, self.subject)
                if len(found.gone):
                    parquet.check(self._from, table, self.subject)
                return found
            except Unreadable:
                pass
        self.leave(key)
        return None

    def write_without(self, table: Table, key: str, to: str, left: int, version: str = "") -> None:
        """Write what is left of an object to another key; nothing where nothing is.

        left  how many rows that must be

        Raises TailraceError where it is something else.
        """
        self.bucket.fetch(key, self._from, version)
        written = parquet.write_without(self._from, self._to, table, self.subject)
        if written != left or parquet.rows_of(self._to) != left:
            fix = "nothing of it was changed: run the erasure again"
            raise TailraceError(f"{written:,} rows are left of a file, not {left:,}", key, fix)
        if left:
            self.bucket.put_file(to, self._to)

    def leave(self, key: str) -> None:
        """Note that a file stays as it is, for the receipt."""
        name = blake2b(key.encode(), digest_size=DIGEST_BYTES).hexdigest()
        self.bucket.write(f"{unread_folder(self.erasure)}{name}.json", key)

    @property
    def _from(self) -> Path:
        return self.scratch / "from.parquet"

    @property
    def _to(self) -> Path:
        return self.scratch / "to.parquet"


def unread_folder(erasure: str) -> str:
    """Where is noted what could not be searched."""
    return f"{folder(erasure)}unread/"


def rows_in(bucket: Bucket, key: str) -> int:
    """How many rows an object says it has. Raises TailraceError where S3 does not give its end."""
    end = bucket.end_of(key, END_BYTES)
    footer = bucket.end_of(key, int.from_bytes(end[:LENGTH_BYTES], "little") + END_BYTES)
    return parquet.rows_of(pa.BufferReader(footer))
