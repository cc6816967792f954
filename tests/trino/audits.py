"""The audit's questions to a stack, asked of Trino and of what stands in for it in the tests."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from pipeline.deployed.asking import Asking
from pipeline.deployed.questions import Questions
from pipeline.home import LAKE
from pipeline.queries import Window
from pipeline.sources import all_sources
from tests.deployed.lake import Lake
from tests.trino.server import Trino

NAME = "audit"


def asked(window: Window) -> Iterator[tuple[str, str]]:
    """Every question, by what it is about; all that arrived in a window, of events in it."""
    questions = Questions(window, window.to_time)
    yield "ledger", questions.ledger()
    yield "rejects", questions.refused()
    yield "objects", questions.objects()
    for source in all_sources().values():
        yield f"landed, {source.name}", questions.landed(source.name, source.table)
        shown = questions.shown(source.table, window.from_time, window.to_time)
        yield f"shown, {source.name}", shown


def differences(
    folder: Path,
    trino: Trino,
    window: Window,
    watermark: datetime | None,
    shown: Mapping[tuple[str, str], str],
) -> Iterator[tuple[str, list[str], int]]:
    """What differs in each answer, and how many rows it has.

    watermark  as it is in the views
    shown      versions of curated, by table and day
    """
    here = Asking(Lake(folder / LAKE, watermark, shown))
    for name, sql in asked(window):
        there = trino.execute(sql)
        mine = sorted(map(_plain, (tuple(row.values()) for row in here.rows(sql, name))))
        theirs = sorted(map(_plain, map(tuple, there.rows)))
        only = [f"- DuckDB: {row}" for row in mine if row not in theirs]
        only += [f"+ Trino:  {row}" for row in theirs if row not in mine]
        yield name, only, len(theirs)


def _plain(row: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(
        value.isoformat(" ", "milliseconds") if isinstance(value, datetime) else str(value)
        for value in row
    )
