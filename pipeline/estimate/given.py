"""Rates that somebody has looked up, instead of those of rates.toml.

A file of TOML, by the names of rates.toml: what a unit costs, or a table as there, of which all but
`usd` can be left out.

    kinesis_in = 0.088

    [firehose_ingestion]
    usd = 0.031
    taken = 2026-12-01
"""

import tomllib
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pipeline.errors import UsageError
from pipeline.estimate.rates import Rate, Rates, rates

OPTION = "--rates"
MOST_BYTES = 1 << 20
# No unit of AWS costs more, and infinity is no price.
Usd = Annotated[float, Meta(ge=0, le=100_000)]


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rate as somebody gives it; what is "" or None stays as it was."""

    usd: Usd
    unit: str = ""
    what: str = ""
    source: str = ""
    where: str = ""
    taken: date | None = None
    verified: bool = True


def given(path: Path) -> Rates:
    """All rates, those of a file in the place of ours. Raises UsageError where it has a fault."""
    values, written = _read(path)
    known = rates()
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
            raise UsageError(f"there is no rate called {name!r}", f"{OPTION} {path}", hint)
    return MappingProxyType(
        {
            name: _rate(rate, values[name], f"{path}: {name}", written) if name in values else rate
            for name, rate in known.items()
        }
    )


def _read(path: Path) -> tuple[dict[str, Any], date]:
    """What a file says, and the day when it was written."""
    try:
        # Nobody may ever write to a pipe, and a device may have no end.
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise UsageError("the rates are in no file", f"{OPTION} {path}", "name a file of TOML")
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
        return tomllib.loads(path.read_text("utf-8")), written
    except (OSError, ValueError, RecursionError) as error:
        what = f"the rates cannot be read: {error}"
        raise UsageError(what, f"{OPTION} {path}", "write it as kinesis_in = 0.088") from error


def _rate(ours: Rate, value: Any, place: str, written: date) -> Rate:
    try:
        told = msgspec.convert(value if isinstance(value, dict) else {"usd": value}, Given)
    except (msgspec.ValidationError, RecursionError) as error:
        what = f"not a rate: {repr(value)[:100]}, {error}"
        raise UsageError(what, f"{OPTION} {place}", "give USD for a unit, like 0.088") from error
    if told.unit not in ("", ours.unit):
        what = f"the unit is {ours.unit}, not {told.unit}"
        raise UsageError(what, f"{OPTION} {place}", f"give USD for one {ours.unit}")
    return Rate(
        told.usd,
        ours.unit,
        told.what or ours.what,
        told.source or ours.source,
        told.where or place,
        told.taken or written,
        told.verified,
    )
