"""Ask a question: a saved query or a text of SQL, of a home."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from pipeline.errors import QueryFailed, UsageError
from pipeline.queries import window as windows
from pipeline.queries.answer import Answer, columns_of
from pipeline.queries.catalogue import find
from pipeline.queries.front_matter import PRICES, SavedQuery
from pipeline.queries.parameters import read_all
from pipeline.queries.window import Window
from pipeline.settings import Prices
from pipeline.store import Store

if TYPE_CHECKING:
    from pipeline.queries.dialect import Translation
    from pipeline.queries.engine_duckdb import Reading

AD_HOC = "sql"
_NO_PARAMS: Mapping[str, object] = {}


def run(
    name: str | None = None,
    *,
    sql: str | None = None,
    params: Mapping[str, object] = _NO_PARAMS,
    window: Window | None = None,
    home: Path,
    now: datetime,
    alone: bool = False,
    enough: Callable[[], bool] | None = None,
    prices: Prices = PRICES,
) -> Answer:
    """Answer a saved query by its name, or one SELECT in Athena's dialect.

    params  values by name, as text or already of their type
    window  None: a saved query takes its own default, ending at `now`; a text is not bounded
    home    read as it is; where it holds nothing, the demo's home inside it
    alone   that home and no other: where it holds nothing the answer is empty
    enough  asked while the engine works: whether to break off
    prices  defaults of parameters that are prices

    Raises UsageError for a wrong call, NotConfigured when there is nothing to read, HomeError when
    the home cannot be read, QueryFailed when the SQL is refused or the engine breaks off.
    """
    started = perf_counter()
    question = _question(_asked(name, sql, prices), params, window, now)
    query, translated, window = question.query, question.translated, question.window
    from pipeline.home import LAKE, answering
    from pipeline.lake.readers import holding

    folder = home if alone else answering(home)
    with holding(folder):
        with closing(Store(folder, writer=False)) as store, store.snapshot():
            as_of = _newest(store, translated.views)
            readings = _readings(store, translated.views, query, window)
        from pipeline.queries import engine_duckdb

        try:
            table = engine_duckdb.execute(
                translated.sql,
                question.values,
                folder / LAKE,
                readings,
                f"in {query.path or 'the text of --sql'}",
                enough,
            )
        except QueryFailed as error:
            if (missing := _of_lake(folder / LAKE, readings)) is not None:
                raise missing from error
            raise
    return Answer(
        query.name,
        columns_of(table, query.columns),
        table,
        window,
        as_of,
        perf_counter() - started,
        sum(file.bytes for reading in readings for file in reading.files),
        folder,
    )


def _of_lake(lake: Path, readings: Sequence["Reading"]) -> QueryFailed | None:
    """What to tell when a file that was to be read is gone: the SQL is not to blame."""
    for path in (lake / file.path for reading in readings for file in reading.files):
        if not path.is_file():
            fix = "see what is missing: tailrace audit"
            return QueryFailed("a file of the lake is missing", f"at {path}", fix)
    return None


def explain(name: str | None = None, *, sql: str | None = None) -> str:
    """The statement that DuckDB is given for a saved query or a text, one clause a line.

    Raises UsageError or QueryFailed as `run` does.
    """
    return _translated(_asked(name, sql)).sql


def bindings(
    name: str | None = None,
    *,
    sql: str | None = None,
    params: Mapping[str, object] = _NO_PARAMS,
    window: Window | None = None,
    now: datetime,
    prices: Prices = PRICES,
) -> dict[str, object]:
    """The values that `run` would bind to the statement, by name: parameters, then the window.

    Times are without zone, as the tables have them. Raises UsageError or QueryFailed as `run` does.
    """
    return _question(_asked(name, sql, prices), params, window, now).values


def check(name: str | None, *, sql: str | None, params: Mapping[str, object]) -> None:
    """Raise UsageError for a name or values that `run` would refuse, whatever engine is to answer.

    No SQL is translated.
    """
    query = _asked(name, sql)
    read_all(query.name, query.params, params)


@dataclass(frozen=True, slots=True)
class _Question:
    """A query ready to be asked of any home; `values` are those that it binds."""

    query: SavedQuery
    translated: "Translation"
    window: Window | None
    values: dict[str, object]


def _question(
    query: SavedQuery,
    params: Mapping[str, object],
    window: Window | None,
    now: datetime,
) -> _Question:
    if query.path:
        window = window or windows.parse(now, since=query.since)
    values: dict[str, object] = dict(read_all(query.name, query.params, params))
    translated = _translated(query)
    _check_window(query, translated.parameters, window)
    if window:
        values.update(window.values(query.lookback))
    bound = {each: values[each] for each in values if each in translated.parameters}
    return _Question(query, translated, window, bound)


def _asked(name: str | None, sql: str | None, prices: Prices = PRICES) -> SavedQuery:
    if (name is None) == (sql is None):
        raise UsageError("ask one question", "", "give the name of a query, or --sql TEXT")
    return find(name, prices) if name is not None else SavedQuery(AD_HOC, sql or "")


def _translated(query: SavedQuery) -> "Translation":
    from pipeline.queries.dialect import translate

    declared = {parameter.name: parameter.type for parameter in query.params}
    return translate(query.sql, {**windows.TYPES, **declared})


def _check_window(query: SavedQuery, used: Sequence[str], window: Window | None) -> None:
    """A text of SQL is bounded by what it says itself: a window that it does not use would lie."""
    bound = [name for name in used if name in windows.TYPES]
    if bound and window is None:
        raise UsageError(f"the SQL needs a window for :{bound[0]}", "", "add --since 1h")
    if window is not None and not bound and not query.path:
        raise UsageError(
            "the SQL is not bounded by the window that was given",
            "",
            "write event_time >= :from_time AND event_time < :to_time in it",
        )


def _newest(store: Store, views: Sequence[str]) -> datetime | None:
    from pipeline.lake import catalogue
    from pipeline.queries.tables import table_of

    last_ms = [catalogue.newest_event_ms(store, table_of(view)) for view in views]
    known = [each for each in last_ms if each is not None]
    return datetime.fromtimestamp(max(known) / 1000, UTC) if known else None


def _readings(
    store: Store, views: Sequence[str], query: SavedQuery, window: Window | None
) -> list["Reading"]:
    from pipeline.lake import catalogue
    from pipeline.queries.engine_duckdb import Reading
    from pipeline.queries.tables import all_tables, table_of

    first_ms = last_ms = None
    if query.path and window:
        first_ms, last_ms = window.reaching_back(query.lookback).bounds_ms
    tables = all_tables()
    return [
        Reading(
            tables[name],
            tuple(catalogue.files_of(store, name, first_ms, last_ms)),
            tuple(catalogue.retracted(store, name, first_ms, last_ms)),
        )
        for name in sorted({table_of(view) for view in views})
    ]
