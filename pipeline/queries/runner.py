"""Ask a question: a saved query or a text of SQL, of an engine."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from pipeline.errors import UsageError
from pipeline.queries import engines
from pipeline.queries import window as windows
from pipeline.queries.answer import Answer
from pipeline.queries.catalogue import find
from pipeline.queries.engines import Engine, Question
from pipeline.queries.front_matter import PRICES, SavedQuery
from pipeline.queries.parameters import Value, read_all
from pipeline.queries.window import Window
from pipeline.settings import Prices, load

AD_HOC = "sql"
_NO_PARAMS: Mapping[str, object] = {}


def run(
    name: str | None = None,
    *,
    sql: str | None = None,
    params: Mapping[str, object] = _NO_PARAMS,
    since: str | None = None,
    from_time: str | None = None,
    to_time: str | None = None,
    window: Window | None = None,
    engine: Engine | str = "duckdb",
    stage: str = "",
    home: Path | str | None = None,
    now: datetime | None = None,
    prices: Prices | None = None,
    enough: Callable[[], bool] = lambda: False,
    watch: engines.Watch = lambda progress: None,
) -> Answer:
    """Answer a saved query by its name, or one SELECT in Athena's dialect.

    In a notebook: `run("top_talkers", since="1h").df()`.

    params  values by name, as text or already of their type
    since   the window as a length that ends at `now`: 15m, 1h30m, 7d
    window  the same as two moments, as are from_time and to_time, texts such as 2026-11-25T14:00.
            Without any a saved query takes its own default, a text is not bounded
    engine  duckdb, athena, or one that was made before
    stage   the stack that Athena asks; "": the one in the settings
    home    what DuckDB reads; None: the home of the settings in force
    now     None: the clock of this machine
    prices  defaults of parameters that are prices; None: those of the settings in force
    enough  asked while the engine works: whether to break off
    watch   told meanwhile how far it is

    Raises UsageError for a wrong call, NotConfigured when there is nothing to read, HomeError when
    the home cannot be read, QueryFailed when the SQL is refused or the engine breaks off.
    """
    now = now or datetime.now(UTC)
    if window is None:
        window = windows.parse(now, since, from_time, to_time)
    prices = prices or load().prices
    question = ask(name, sql=sql, params=params, window=window, now=now, prices=prices)
    chosen = _named(engine, stage, home) if isinstance(engine, str) else engine
    return answered(question, chosen, enough, watch)


def answered(
    question: Question,
    engine: Engine,
    enough: Callable[[], bool] = lambda: False,
    watch: engines.Watch = lambda progress: None,
) -> Answer:
    """The answer of an engine to a question; as `run` says."""
    started = perf_counter()
    with engine.start(question) as running:
        engines.wait(running, enough, watch)
        return Answer.of(question, engine.name, running, perf_counter() - started)


def _named(name: str, stage: str, home: Path | str | None) -> Engine:
    settings = load()
    if name == "duckdb":
        from pipeline.queries.engines.duckdb import DuckDb

        return DuckDb(Path(home) if home else settings.home_path)
    if name == "athena":
        from pipeline.queries.engines import athena

        return athena.of_stage(settings, stage)
    raise UsageError(f"there is no engine called {name}", "", "duckdb or athena")


def ask(
    name: str | None = None,
    *,
    sql: str | None = None,
    params: Mapping[str, object] = _NO_PARAMS,
    window: Window | None = None,
    now: datetime,
    prices: Prices = PRICES,
) -> Question:
    """The question that `run` would put to an engine.

    Values of parameters come first, then the window's; times are without zone, as the tables have
    them. Raises UsageError for a wrong call, QueryFailed for text that is no SQL.
    """
    query = _asked(name, sql, prices)
    if query.path:
        window = window or windows.parse(now, since=query.since)
    values: dict[str, Value] = dict(read_all(query.name, query.params, params))
    if window:
        values.update(window.values(query.lookback))
    question = Question(query, window, values)
    if not query.path:
        _check_window(question)
    return question


def check(name: str | None, *, sql: str | None, params: Mapping[str, object]) -> None:
    """Raise UsageError for a name or values that `run` would refuse, whatever engine is to answer.

    No SQL is read.
    """
    query = _asked(name, sql)
    read_all(query.name, query.params, params)


def _asked(name: str | None, sql: str | None, prices: Prices = PRICES) -> SavedQuery:
    if (name is None) == (sql is None):
        raise UsageError("ask one question", "", "give the name of a query, or --sql TEXT")
    return find(name, prices) if name is not None else SavedQuery(AD_HOC, sql or "")


def _check_window(question: Question) -> None:
    """A text of SQL is bounded by what it says itself: a window that it does not use would lie."""
    used = question.for_athena[1]
    if used and question.window is None:
        raise UsageError(f"the SQL needs a window for :{used[0]}", "", "add --since 1h")
    if question.window is not None and not used:
        raise UsageError(
            "the SQL is not bounded by the window that was given",
            "",
            "write event_time >= :from_time AND event_time < :to_time in it",
        )
