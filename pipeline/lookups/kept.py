"""What is kept of AWS's address ranges: one JSON object with its token and its age."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from pipeline.enrich.aws_ranges import NONE, AwsRanges
from pipeline.errors import InputError, TailraceError
from pipeline.lookups.document import LONGEST_BYTES, MOST, Service, Token

FOLDER, NAME = "lookups", "aws-ip-ranges.json"
DAY_MS = 86_400_000
# AWS changes them some times a week.
OLD_DAYS = 7

Moment = Annotated[int, Meta(ge=0, le=1 << 53)]
Text = Annotated[str, Meta(max_length=1000)]
Prefixes = Annotated[list[str], Meta(max_length=MOST)]


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Address ranges as they are kept. Times in epoch milliseconds.

    token, created    of the document, as AWS says
    source, etag      where it came from, and what the server there calls this version; or ""
    fetched_ms        when this version came
    checked_ms        when it was last known to be the newest
    prefixes          by service
    """

    token: Token
    created: Annotated[str, Meta(pattern=r"\A[0-9TZ:-]{20}\Z")]
    source: Text
    etag: Text
    fetched_ms: Moment
    checked_ms: Moment
    prefixes: Annotated[dict[Service, Prefixes], Meta(max_length=1000)]

    @property
    def count(self) -> int:
        """How many ranges there are."""
        return sum(map(len, self.prefixes.values()))

    def age_days(self, now_ms: int) -> int:
        """Whole days since it was last known to be the newest."""
        return max(now_ms - self.checked_ms, 0) // DAY_MS

    def encoded(self) -> bytes:
        """As it is kept."""
        return msgspec.json.encode(self)


class Cache(Protocol):
    """Where they are kept."""

    @property
    def place(self) -> str:
        """Where that is, for people."""

    def read(self) -> bytes | None:
        """What is kept; None for nothing. Raises TailraceError when it cannot be read."""

    def write(self, content: bytes) -> None:
        """Keep this instead, whole. Raises DeliveryError when it cannot be kept."""


def decoded(content: bytes, place: str) -> Kept:
    """What was kept. Raises InputError for what is not as we keep it."""
    try:
        if len(content) > LONGEST_BYTES:
            raise ValueError(f"they are longer than {LONGEST_BYTES:,} bytes")
        return msgspec.json.decode(content, type=Kept)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _damaged(error, place) from error


def ranges_in(read: Callable[[], bytes | None], place: str) -> AwsRanges:
    """What is kept, ready to be looked up; what is absent or cannot be read is none, and told.

    Enrichment by it is an extra: no batch waits for it, or fails without it.
    """
    try:
        content = read()
        if content is None:
            return NONE
        return ranges_of(decoded(content, place), place)
    except TailraceError as error:
        return AwsRanges.none(error.what, note=str(error))


def ranges_of(kept: Kept, place: str) -> AwsRanges:
    """What is kept, ready to be looked up. Raises InputError for a prefix that is none."""
    try:
        return AwsRanges.of(f"{kept.token} of {kept.created}", kept.prefixes)
    except ValueError as error:
        raise _damaged(error, place) from error


def _damaged(error: Exception, place: str) -> InputError:
    what = f"the address ranges that are kept are damaged: {str(error)[:200]}"
    return InputError(what, f"at {place}", "tailrace lookups refresh fetches them anew")


def kept_in(path: Path) -> Kept | None:
    """What a file keeps; None for nothing. Raises InputError for what cannot be used."""
    content = read_file(path)
    if content is None:
        return None
    kept = decoded(content, str(path))
    ranges_of(kept, str(path))
    return kept


def in_home(home: Path) -> Path:
    """The file of a home that they are kept in."""
    return home / FOLDER / NAME


def of_home(home: Path) -> AwsRanges:
    """What a home keeps, ready to be looked up."""
    path = in_home(home)
    # What is wrong with a home itself is told by who opens it.
    return ranges_in(lambda: read_file(path) if os.path.isdir(home) else None, str(path))


def read_file(path: Path) -> bytes | None:
    """The bytes of a file, up to one more than anything may have; None where there is none.

    Raises InputError when it cannot be read.
    """
    try:
        # Nobody may ever write to a pipe, and a device may have no end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            what = "the address ranges cannot be read: it is no regular file"
            raise InputError(what, f"at {path}", "put a file in its place, or name another")
        with path.open("rb") as file:
            return file.read(LONGEST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        what = f"the address ranges cannot be read: {error}"
        raise InputError(what, f"at {path}", "mend its permissions, or name another") from error
