"""The receipt of an erasure: what was removed, and what still holds something of it until when.

It is kept, so it must not name the subject: it has a digest that whoever knows the subject can
check, and that is slow to guess, for there are only 2^32 IPv4 addresses (RFC 7914, scrypt).
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.documents import Count
from pipeline.erase.subject import Subject

FOLDER = "erasures"
VERSION = 1
SALT_BYTES, DIGEST_BYTES = 16, 32
# 16 MiB and some 40 ms a guess: all of IPv4 would take one core five years.
COST, BLOCK, LANES = 1 << 14, 8, 1
METHOD = f"scrypt(n={COST}, r={BLOCK}, p={LANES}, {DIGEST_BYTES} bytes) of '<kind>:<value>'"
PLANNED, UNFINISHED, WAITING, DONE = "planned", "unfinished", "waiting", "done"

# Receipts are judged when they are read: they name files and folders.
ID = r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}"
Id = Annotated[str, Meta(pattern=rf"\A{ID}\Z")]
Salt = Annotated[str, Meta(pattern=rf"\A[0-9a-f]{{{2 * SALT_BYTES}}}\Z")]
Digest = Annotated[str, Meta(pattern=rf"\A[0-9a-f]{{{2 * DIGEST_BYTES}}}\Z")]


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """A subject that is not named; salt and digest in hex."""

    kind: str
    salt: Salt
    digest: Digest
    method: str = METHOD


@dataclass(frozen=True, slots=True)
class Removed:
    """Rows that were removed of one table and day of event."""

    table: str
    day: str
    rows: Count


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of the quarantine: how many went, how many were written without `lines` lines."""

    removed: Count = 0
    rewritten: Count = 0
    lines: Count = 0

    @property
    def touched(self) -> int:
        """How many that were."""
        return self.removed + self.rewritten


@dataclass(frozen=True, slots=True)
class Holder:
    """What still holds something of the subject; `until`: ISO-8601, or in words."""

    what: str
    until: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure did.

    state     `planned` where it is only counted what would go, and no receipt is kept; else
              `unfinished` until its files are deleted; of a stack `waiting` where all that is left
              are versions that a running query may still read, and `done` when these are gone too
    files     that were replaced; `waiting`: how many of these a running query still holds
    unsearched  files that could not be read
    """

    id: Id
    state: str
    at: str
    subject: Pseudonym
    rows: tuple[Removed, ...] = ()
    files: Count = 0
    waiting: Count = 0
    quarantine: Objects = Objects()
    unsearched: tuple[str, ...] = ()
    held_by: tuple[Holder, ...] = ()
    version: int = VERSION

    @property
    def empty(self) -> bool:
        """Whether nothing of the subject was found."""
        return not (self.rows or self.files or self.unsearched or self.quarantine.touched)

    @property
    def row_count(self) -> int:
        """All rows that were removed."""
        return sum(each.rows for each in self.rows)


def pseudonym(subject: Subject, salt: bytes) -> Pseudonym:
    """The subject under a salt."""
    return Pseudonym(subject.name, salt.hex(), _digest(subject, salt).hex())


def is_of(receipt: Receipt, subject: Subject) -> bool:
    """Whether a receipt is of this subject."""
    said = receipt.subject
    digest = _digest(subject, bytes.fromhex(said.salt))
    return said.kind == subject.name and hmac.compare_digest(digest.hex(), said.digest)


def encoded(receipt: Receipt) -> bytes:
    """The receipt as JSON, with a newline."""
    return msgspec.json.format(msgspec.json.encode(receipt)) + b"\n"


def decoded(content: bytes) -> Receipt:
    """A receipt that was kept. Raises msgspec.MsgspecError for what is none."""
    return msgspec.json.decode(content, type=Receipt)


def name_of(now_ms: int, salt: bytes) -> str:
    """Id of an erasure: when it began, and some of its salt to tell two of a second apart."""
    return f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%SZ}-{salt[:4].hex()}"


def moment(ms: int) -> str:
    """A time in epoch milliseconds as 2026-11-25T14:00:00Z, in whole seconds."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _digest(subject: Subject, salt: bytes) -> bytes:
    text = f"{subject.name}:{subject.value}".encode()
    return hashlib.scrypt(text, salt=salt, n=COST, r=BLOCK, p=LANES, dklen=DIGEST_BYTES)
