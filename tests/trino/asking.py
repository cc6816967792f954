"""The same question to both engines: the product's on DuckDB, Trino as Athena is asked."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import sqlglot
from sqlglot import exp

from pipeline import queries
from pipeline.queries import SavedQuery, Window
from pipeline.queries.dialect.athena import literal
from pipeline.queries.engines.duckdb import DuckDb
from pipeline.queries.runner import answered
from tests.queries.truth import Rows, of_arrow, same
from tests.trino.encoding import of_trino
from tests.trino.server import Result, Trino

# What the engines state for approx_distinct is 2.3 % (one standard deviation) on Trino; DuckDB was
# measured 6.8 % off.
APPROXIMATE, APPROXIMATELY = "approx_", 0.1
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Question:
    """A saved query, or a text that takes nothing but a window, over a window."""

    name: str
    sql: str
    window: Window
    query: SavedQuery | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """Rows of both engines, encoded alike; `columns`: of the answer."""

    columns: tuple[str, ...]
    duckdb: Rows
    trino: Rows
    processed_rows: int


def ask(question: Question, home: Path, trino: Trino, now: datetime) -> Answers:
    """Both answers. Raises what the engines raise."""
    named = {"sql": question.sql} if question.query is None else {"name": question.name}
    window = question.window if question.query or ":from_time" in question.sql else None
    asked = queries.ask(**named, window=window, now=now)
    here = answered(asked, DuckDb(home, alone=True))
    there = on_trino(trino, asked)
    names = tuple(column.name for column in here.columns)
    if names != tuple(there.names):
        raise AssertionError(f"columns {there.names} on Trino, {list(names)} on DuckDB")
    rows = of_trino(there.rows, there.types)
    return Answers(names, of_arrow(here.table), rows, there.processed_rows)


def on_trino(trino: Trino, asked: queries.Question) -> Result:
    """Trino's rows, parameters given as Athena's ExecutionParameters are."""
    text, names = asked.for_athena
    quoted = text.replace("'", "''")
    given = ", ".join(literal(asked.values[name]) for name in names)
    return trino.execute(f"EXECUTE IMMEDIATE '{quoted}'" + (f" USING {given}" if given else ""))


def difference(question: Question, answers: Answers) -> list[str]:
    """What differs between two answers, in some lines; nothing where they are the same.

    Rows that ORDER BY leaves undecided may come in any order.
    """
    here, there = answers.duckdb, answers.trino
    if APPROXIMATE in question.sql:
        here, there = _rounded(here, there)
    places = _ordered_by(question.sql, answers.columns)
    if places is None:
        return _told(same(here, there), here, there)
    for mine, theirs in zip(_groups(here, places), _groups(there, places), strict=False):
        if said := same(mine, theirs, ordered=False):
            return _told(said, mine, theirs)
    return _told(same(here, there, ordered=False), here, there)


def _told(said: str, here: Rows, there: Rows) -> list[str]:
    if not said:
        return []
    counts = Counter(map(repr, here)), Counter(map(repr, there))
    only = (counts[0] - counts[1], counts[1] - counts[0])
    return [
        f"DuckDB against Trino: {said}",
        *(f"  - DuckDB: {row}" for row in list(only[0])[:SHOWN]),
        *(f"  + Trino:  {row}" for row in list(only[1])[:SHOWN]),
    ]


def _ordered_by(sql: str, columns: Sequence[str]) -> list[int] | None:
    """Places of the columns that the whole answer is ordered by; None when it is by others too."""
    order = sqlglot.parse_one(sql, read="athena").args.get("order")
    places = []
    for each in order.expressions if order else ():
        key = each.this
        if isinstance(key, exp.Literal) and key.is_int:
            places.append(int(key.name) - 1)
        elif isinstance(key, exp.Column) and key.name in columns:
            places.append(columns.index(key.name))
        else:
            return None
    return places


def _groups(rows: Rows, places: Sequence[int]) -> Iterator[Rows]:
    for _, group in groupby(rows, key=lambda row: [row[place] for place in places]):
        yield list(group)


def _rounded(here: Rows, there: Rows) -> tuple[Rows, Rows]:
    """Trino's numbers replaced by DuckDB's where they are near enough for an approximation."""
    if len(here) != len(there):
        return here, there
    near = [
        [mine if _near(mine, other) else other for mine, other in zip(*rows, strict=True)]
        for rows in zip(here, there, strict=True)
    ]
    return here, near


def _near(mine: object, other: object) -> bool:
    numbers = isinstance(mine, int | float) and isinstance(other, int | float)
    return numbers and abs(mine - other) <= APPROXIMATELY * max(abs(mine), abs(other))  # type: ignore[operator]
