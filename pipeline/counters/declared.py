"""The rankings: what is counted of which rows, and how late a row may come."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import UsageError
from pipeline.schema import Type
from pipeline.sources import all_sources

LEAST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Part:
    """What a ranking counts of a table.

    key      column whose values are ranked
    measure  column that is summed; "": rows are counted
    keep     which rows count; None: all
    kinds    boolean columns: whether a program asked, whether for what belongs to a page
    title    column that names a key for people; "" for none
    """

    key: str
    measure: str = ""
    keep: Callable[[pa.Table], pa.Array] | None = None
    kinds: tuple[str, str] | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Ranking:
    """A ranking.

    late_minutes  a row counts when it arrives so much later than its event at most
    settled       its window ends with the newest minute that has rows, for its logs come late
    parts         by the name of the table
    """

    name: str
    unit: str
    late_minutes: int
    settled: bool
    parts: Mapping[str, Part] = field(hash=False)


def _accepted(rows: pa.Table) -> pa.Array:
    taken = pc.equal(rows["action"], "ACCEPT")
    # A flow between two known networks is logged by both.
    return pc.and_(taken, pc.invert(pc.fill_null(rows["second_sight"], False)))


def _rejected(rows: pa.Table) -> pa.Array:
    return pc.equal(rows["action"], "REJECT")


def _failed(status: str) -> Callable[[pa.Table], pa.Array]:
    return lambda rows: pc.greater_equal(rows[status], LEAST_ERROR)


def _requests() -> dict[str, Part]:
    """Web requests that failed, of every source that logs them."""
    found = {}
    for source in all_sources().values():
        if source.request is not None:
            status, path = (source.request.get(name, name) for name in ("status", "path"))
            table = source.table
            if status in table and path in table and table[status].type is not Type.VARCHAR:
                found[table.name] = Part(path, keep=_failed(status))
    return found


@cache
def all_rankings() -> Mapping[str, Ranking]:
    """Every ranking by its name."""
    views = Part("page", kinds=("is_bot", "is_asset"), title="title")
    rankings = (
        Ranking("page", "views", 15, False, {"page_view": views}),
        Ranking("talker", "bytes", 30, True, {"vpc_flow": Part("srcaddr", "bytes", _accepted)}),
        Ranking("rejected_port", "flows", 30, True, {"vpc_flow": Part("dstport", "", _rejected)}),
        Ranking("error_path", "requests", 30, True, _requests()),
    )
    return {ranking.name: ranking for ranking in rankings}


def find_ranking(name: str) -> Ranking:
    """The ranking of this name. Raises UsageError for a name that is none."""
    rankings = all_rankings()
    if name not in rankings:
        raise UsageError(f"there is no ranking by {name[:64]!r}", "", f"by {', '.join(rankings)}")
    return rankings[name]
