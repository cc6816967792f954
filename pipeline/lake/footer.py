"""What a curated file says of itself in its Parquet footer: the landing files folded into its day.

The list is the whole history of the day, so that the newest version of each day is enough to make
the catalogue anew and to set what is there against what was promised.
"""

import base64
import zlib
from dataclasses import astuple, dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
from pyarrow import parquet

from pipeline.deliver.lake_file import LakeFile

KEY = b"tailrace.curated"


@dataclass(frozen=True, slots=True)
class Folded:
    """A landing file in a day of event time.

    rows   how many of its rows belong to the day
    fresh  how many of these were the first of their identity; the others are repeats
    """

    file: LakeFile
    rows: int
    fresh: int


@dataclass(frozen=True, slots=True)
class Footer:
    """One file of one version of a day; `last`: it has no further files.

    erased  events of the day that were folded in and erased since
    """

    table: str
    day: str
    version: int
    part: int
    last: bool
    folded: tuple[Folded, ...]
    erased: int = 0

    @property
    def rows(self) -> int:
        """Rows that the files of the day hold together."""
        return sum(each.fresh for each in self.folded) - self.erased


class _Written(msgspec.Struct, array_like=True):
    table: str
    day: str
    version: int
    part: int
    last: bool
    folded: str
    erased: int = 0


_Entry = tuple[str, str, str, str, int, int, str, int, int, int, int, int, int, int]
_entries = msgspec.json.Decoder(list[_Entry])
_written = msgspec.json.Decoder(_Written)


def encoded(footer: Footer) -> dict[bytes, bytes]:
    """The footer as key and value of a Parquet file."""
    entries = [(*astuple(each.file)[:12], each.rows, each.fresh) for each in footer.folded]
    # A busy day has ten thousands of landing files; Parquet does not compress its footer.
    packed = base64.b64encode(zlib.compress(msgspec.json.encode(entries))).decode()
    head = (footer.table, footer.day, footer.version, footer.part, footer.last)
    return {KEY: msgspec.json.encode(_Written(*head, packed, footer.erased))}


def read(path: Path) -> Footer:
    """The footer of a curated file. Raises ValueError when it has none that can be read."""
    try:
        found = _written.decode((parquet.read_metadata(path).metadata or {})[KEY])
        entries = _entries.decode(zlib.decompress(base64.b64decode(found.folded)))
    except (pa.ArrowException, OSError, KeyError, zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"it is no curated file: {error}") from error
    folded = tuple(Folded(LakeFile(*entry[:12]), *entry[12:]) for entry in entries)
    head = (found.table, found.day, found.version, found.part, found.last)
    return Footer(*head, folded, found.erased)
