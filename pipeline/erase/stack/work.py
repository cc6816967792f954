"""What an erasure of a stack is told, and what it notes from one step to the next."""

from collections.abc import Iterable, Iterator

import msgspec

from pipeline.curate.plan import Listed
from pipeline.erase.receipt import Receipt
from pipeline.erase.stack.objects import FOLDER, SUBJECTS, Bucket, Kept, Key
from pipeline.erase.subject import Subject, of_address, of_visitor
from pipeline.errors import TailraceError, UsageError

# Of a file that is read as a whole: the function's disk holds it and what becomes of it.
MOST_BYTES = 2 << 30
# Shorter is no Parquet: its magic twice, and the length of a footer.
LEAST_BYTES = 12
# As many work at once; each its own part of what is to be done.
LANES = 8
FILES_AT_ONCE, BYTES_AT_ONCE = 200, 256 << 20


class Request(msgspec.Struct, frozen=True):
    """Whom an erasure is about, and its receipt as far as it is known.

    kind, value  of the subject
    dry          nothing is changed
    written_ms   when it was written last, from the epoch: left alone it expires
    """

    kind: str
    value: str
    receipt: Receipt
    dry: bool = False
    written_ms: int = 0

    @property
    def subject(self) -> Subject:
        """Whom it is about. Raises TailraceError, which does not say who, where it is nobody."""
        try:
            return of_visitor(self.value) if self.kind == "visitor" else of_address(self.value)
        except UsageError:
            what, fix = "it is about nobody", "start it by tailrace erase --stage"
            # Logs and Step Functions keep what is told of a failure.
            raise TailraceError(what, self.receipt.id, fix) from None


class Part(msgspec.Struct, frozen=True):
    """Objects of a table that are to be searched, all versions of them."""

    table: str
    keys: tuple[Key, ...]


class Seen(msgspec.Struct, frozen=True):
    """A file of curated: `gone` of its `rows` are the subject's; `unread`: nobody knows."""

    key: str
    bytes: int
    rows: int = 0
    gone: int = 0
    unread: bool = False


class Day(msgspec.Struct, frozen=True):
    """A version of a day of which rows go, and the one that comes in its place.

    version  "" where none was begun yet
    """

    table: str
    day: str
    base: str
    files: tuple[Seen, ...]
    version: str = ""


class Piece(msgspec.Struct, frozen=True):
    """A file of a version, and where what is left of it goes."""

    table: str
    file: Seen
    to: str


class Before(msgspec.Struct, frozen=True):
    """Hours of landing that were folded as they were: what they held before anything went."""

    hours: dict[str, list[Listed]] = {}


def folder(erasure: str) -> str:
    """Where all of an erasure lies while it runs, with a / at the end."""
    return f"{FOLDER}/{erasure}/"


def request_key(erasure: str) -> str:
    """Where it is said whom an erasure is about."""
    return f"{SUBJECTS}/{erasure}.json"


def lane_folder(erasure: str, phase: str, lane: int) -> str:
    """Where lies what a lane has to do."""
    return f"{folder(erasure)}{phase}/{lane}/"


def place_of(erasure: str, phase: str, number: int) -> str:
    """Where the part with a number lies that is to be done."""
    return f"{lane_folder(erasure, phase, number % LANES)}{number:08d}.json"


def parts(table: str, keys: Iterable[Key]) -> Iterator[Part]:
    """Objects cut into parts that one step can do."""
    some: list[Key] = []
    size = 0
    for key in keys:
        more = sum(each.bytes for each in key.versions)
        if some and (len(some) == FILES_AT_ONCE or size + more > BYTES_AT_ONCE):
            yield Part(table, tuple(some))
            some, size = [], 0
        some.append(key)
        size += more
    if some:
        yield Part(table, tuple(some))


def latest(key: Key) -> Kept | None:
    """The version that is read; None where the object was deleted."""
    return next((each for each in key.versions if each.latest), None)


def request(bucket: Bucket, erasure: str) -> Request | None:
    """Whom an erasure is about; None when it is over."""
    return bucket.read(request_key(erasure), Request)
