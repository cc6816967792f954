"""DuckDB as the engine: one closed connection a query, over the files that can hold its rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

from pipeline.lake import catalogue
from pipeline.lake.folders import answering
from pipeline.lake.readers import holding
from pipeline.queries.engines import Progress, Question, Statistics
from pipeline.queries.engines.closed import Reading, failed, gone, opened
from pipeline.store import Store
from pipeline.store.remains import LAKE

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

POLL_S = 0.05
# Within one call of a function the engine does not notice that it is interrupted: after this long
# it is left to itself.
LET_GO_S = 1.0


class DuckDb:
    """A home, answered on this machine.

    home   read as it is; where it holds nothing, the demo's home inside it
    alone  that home and no other: where it holds nothing the answer is empty
    """

    name = "duckdb"

    def __init__(self, home: Path, alone: bool = False) -> None:
        self._home, self._alone = home, alone

    @contextmanager
    def start(self, question: Question) -> Iterator["Answering"]:
        """Begin to answer from the state that the home is in now.

        Raises NotConfigured when there is nothing to read, HomeError when the home cannot be read,
        QueryFailed when the SQL is refused.
        """
        translated = question.for_duckdb
        values = {name: question.values[name] for name in translated.parameters}
        folder = self._home if self._alone else answering(self._home)
        with holding(folder):
            with closing(Store(folder, writer=False)) as store, store.snapshot():
                as_of = _newest(store, question.shown.tables)
                readings = _readings(store, question)
            scanned = sum(file.bytes for reading in readings for file in reading.files)
            cost = Statistics(scanned, as_of=as_of, home=folder, demo=folder != self._home)
            lake = folder / LAKE
            shared = question.shown.shared
            with opened(lake, readings, shared, translated.sql, question.where) as connection:
                rows = _begun(connection, translated.sql, values)
                running = Answering(connection, rows, cost, lake, readings, question.where)
                try:
                    yield running
                finally:
                    running.cancel()


@dataclass(frozen=True, slots=True)
class Answering:
    """A statement in a thread of its own."""

    connection: "duckdb.DuckDBPyConnection"
    rows: "Future[pa.Table]"
    cost: Statistics
    lake: Path
    readings: Sequence[Reading]
    where: str

    def poll(self) -> Progress:
        """Whether it is done, at once or in a moment.

        Raises QueryFailed when the engine has refused the statement or has broken it off.
        """
        if wait_for([self.rows], POLL_S).not_done:
            return Progress("RUNNING", False, self.cost.bytes_scanned)
        self._result()
        return Progress("SUCCEEDED", True, self.cost.bytes_scanned)

    def cancel(self) -> None:
        """Interrupt it until it has ended, or for LET_GO_S."""
        end = monotonic() + LET_GO_S
        while not self.rows.done() and monotonic() < end:
            self.connection.interrupt()
            wait_for([self.rows], POLL_S)

    def pages(self) -> "Iterator[pa.Table]":
        """All rows in one page, times floored to milliseconds."""
        yield _milliseconds(self._result())

    def _result(self) -> "pa.Table":
        import duckdb

        try:
            return self.rows.result()
        except duckdb.Error as error:
            raise (gone(self.lake, self.readings) or failed(error, self.where)) from error

    def frame(self) -> "pd.DataFrame":
        """The rows as a pandas frame."""
        frame: pd.DataFrame = next(self.pages()).to_pandas()
        return frame

    def statistics(self) -> Statistics:
        """What was opened for it."""
        return self.cost


def _newest(store: Store, tables: Iterable[str]) -> datetime | None:
    last_ms = [catalogue.newest_event_ms(store, name) for name in tables]
    known = [each for each in last_ms if each is not None]
    return datetime.fromtimestamp(max(known) / 1000, UTC) if known else None


def _readings(store: Store, question: Question) -> list[Reading]:
    query, window = question.query, question.window
    first_ms = last_ms = None
    if query.path and window:
        first_ms, last_ms = window.reaching_back(query.lookback).bounds_ms
    return [
        Reading(
            table,
            tuple(catalogue.files_of(store, name, first_ms, last_ms)),
            tuple(catalogue.retracted(store, name, first_ms, last_ms)),
        )
        for name, table in question.shown.tables.items()
    ]


def _begun(
    connection: "duckdb.DuckDBPyConnection", sql: str, values: Mapping[str, object]
) -> "Future[pa.Table]":
    """The rows to come, from a thread that does not keep the process alive.

    In the thread that gets the signal the engine does not always notice Ctrl-C.
    """
    rows: Future[pa.Table] = Future()

    def work() -> None:
        try:
            rows.set_result(_rows(connection, sql, values))
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            rows.set_exception(error)

    Thread(target=work, name="duckdb", daemon=True).start()
    return rows


def _rows(
    connection: "duckdb.DuckDBPyConnection", sql: str, values: Mapping[str, object]
) -> "pa.Table":
    return connection.sql(sql, params=dict(values)).to_arrow_table()


def _milliseconds(table: "pa.Table") -> "pa.Table":
    import pyarrow as pa

    fields = [
        field.with_type(pa.timestamp("ms", field.type.tz))
        if pa.types.is_timestamp(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields), safe=False)
