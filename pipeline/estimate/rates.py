"""The rates that a bill is made from: rates.toml, which is the one place of their figures."""

from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from pipeline.errors import HomeError

FILE = Path(__file__).with_name("rates.toml")

Text = Annotated[str, Meta(min_length=1)]


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What AWS charges for one unit of something.

    usd       list price in us-east-1
    unit      what one is: GB (10^9 bytes), GB-month, M request (a million of them), ...
    source    title of the document, `where` the place in it, `taken` the day it is of
    verified  read on AWS's own page; else it is an assumption
    """

    usd: Annotated[float, Meta(gt=0)]
    unit: Text
    what: Text
    source: Text
    where: Text
    taken: date
    verified: bool


class Counted(NamedTuple):
    """So many units of what a rate charges for."""

    title: str
    quantity: float
    rate_name: str


Rates = MappingProxyType[str, Rate]


@cache
def rates() -> Rates:
    """Every rate by its name, as the file has them."""
    return read(FILE)


def read(path: Path) -> Rates:
    """The rates of a file. Raises HomeError when it cannot be read, or is not as it must be."""
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=dict[str, Rate])
    except (OSError, msgspec.MsgspecError) as error:
        raise HomeError(
            f"the rates cannot be read: {error}", str(path), "install Tailrace again"
        ) from error
    return MappingProxyType(found)
