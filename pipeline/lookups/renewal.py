"""Address ranges made new: fetched or read, judged against what is kept, and kept."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.errors import InputError, UsageError
from pipeline.lookups.document import Published, published
from pipeline.lookups.fetching import Fetched, fetched
from pipeline.lookups.kept import Cache, Kept, decoded, read_file
from pipeline.triggers import name_of

# A list that has lost half of its ranges is more likely cut than new.
LEAST_SHARE = 1 / 2
SHOWN = 300
NAME_IT = "name AWS's ip-ranges.json"


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is kept now, and whether that is another version than before."""

    kept: Kept
    changed: bool


def renew(cache: Cache, source: str, now_ms: int) -> Renewal:
    """Bring what is kept up to date with a source: an address, or a file.

    Raises InputError when what comes is none of AWS's documents, or is older or much smaller than
    what is kept, which then stays; UsageError for a file that is none, and for an address that is
    not asked; DeliveryError when it cannot be kept.
    """
    before = _before(cache)
    answer = _answer(source, before)
    if answer.content is None and before is not None:
        after = msgspec.structs.replace(before, checked_ms=now_ms)
    else:
        read = published(answer.content or b"", source)
        if before is not None:
            _check_against(before, read, source, cache.place)
        same = before is not None and read.token == before.token
        fetched_ms = before.fetched_ms if before is not None and same else now_ms
        place = name_of(source)
        after = Kept(
            read.token, read.created, place, answer.etag, fetched_ms, now_ms, read.prefixes
        )
    content = after.encoded()
    try:
        decoded(content, cache.place)
    except InputError as error:
        why = "the address ranges are refused: they would not be read back"
        raise InputError(why, f"in {source[:SHOWN]}", error.what) from error
    cache.write(content)
    return Renewal(after, before is None or after.token != before.token)


def _before(cache: Cache) -> Kept | None:
    """What is kept; what is damaged is replaced like what is not there."""
    content = cache.read()
    try:
        return None if content is None else decoded(content, cache.place)
    except InputError:
        return None


def _answer(source: str, before: Kept | None) -> Fetched:
    if "://" in source:
        return fetched(source, before.etag if before and before.source == source else "")
    if os.path.isdir(source):
        raise UsageError("this is a directory", f"at {source}", NAME_IT)
    content = read_file(Path(source))
    if content is None:
        raise UsageError("there is no such file", f"at {source}", NAME_IT)
    return Fetched(content, "")


def _check_against(before: Kept, read: Published, source: str, place: str) -> None:
    if int(read.token) < int(before.token):
        why = f"they are older ({read.token}) than what is kept ({before.token})"
    elif read.count < before.count * LEAST_SHARE:
        why = f"they are {read.count:,} and {before.count:,} are kept"
    else:
        return
    raise InputError(
        f"the address ranges are refused: {why}",
        f"in {source}",
        f"where they are right all the same, delete {place} first",
    )
