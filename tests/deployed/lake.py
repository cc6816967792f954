"""The stack's lake, asked as Athena is: the views that Glue is told of, over the files in S3.

DuckDB stands in for Athena; the same questions are asked of a real Trino by tests.trino.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import sqlglot

from pipeline.deliver.lake_file import CURATED, LANDING
from pipeline.errors import QueryFailed
from pipeline.lake import glue
from pipeline.lake.shared import shared_views
from pipeline.lake.tables import all_tables
from pipeline.queries.engines import Progress, Question, Statistics
from pipeline.schema import Table

SCANNED = 25_000_000


@dataclass(frozen=True)
class Lake:
    """An engine over `folder`, which holds what lies below lake/ in the bucket.

    watermark  as it stands in the views
    shown      which version of a day is in force, by table and day; None: all files of curated
    asked      all texts, by what they were about
    """

    folder: Path
    watermark: datetime | None = None
    shown: Mapping[tuple[str, str], str] | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    name = "athena"

    @contextmanager
    def start(self, question: Question) -> Iterator["Answered"]:
        """Answer at once."""
        text, names = question.for_athena
        assert not names
        self.asked.append((str(question.query.path), text))
        yield Answered(self.answer(text))

    def answer(self, text: str) -> pa.Table:
        """The rows of a text in Athena's dialect, over the views that it names."""
        shared = {name: view for name, view in shared_views().items() if name in text}
        with duckdb.connect() as connection:
            for table in all_tables().values():
                if table.name in text or any(table.name in each.select for each in shared.values()):
                    self._declare(connection, table)
            for name, view in shared.items():
                connection.execute(f'create view "{name}" as {_duckdb(view.select)}')
            return self._answer(connection, text)

    def _answer(self, connection: duckdb.DuckDBPyConnection, text: str) -> pa.Table:
        try:
            return connection.sql(_duckdb(text)).to_arrow_table()
        except duckdb.Error as error:
            raise QueryFailed(str(error).splitlines()[0]) from error

    def _declare(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        landing = {"arrival_dt": "varchar", "arrival_hour": "integer"}
        for name, zone, keys in (
            (glue.LANDING_FILES, LANDING, landing),
            (glue.CURATED_FILES, CURATED, {"dt": "varchar"}),
        ):
            scan = self._scan(table, zone, keys)
            connection.execute(f'create view "{table.name}{name}" as {scan}')
        for name, select in glue.views(table, self.watermark).items():
            connection.execute(f'create view "{name}" as {_duckdb(select)}')

    def _scan(self, table: Table, zone: str, keys: dict[str, str]) -> str:
        files = sorted(map(str, self._files(table, zone)))
        if not files:
            columns = {field.name: field.type.duckdb for field in table} | keys
            empty = ", ".join(f'null::{kind} as "{name}"' for name, kind in columns.items())
            return f"select {empty}, '' as \"$path\" where false"
        types = ", ".join(f"'{name}': {kind}" for name, kind in keys.items())
        return (
            f"select * from read_parquet({files}, hive_partitioning = true,"  # noqa: S608 - own names
            f" hive_types = {{{types}}}, filename = '$path')"
        )

    def _files(self, table: Table, zone: str) -> Iterator[Path]:
        if zone != CURATED or self.shown is None:
            yield from (self.folder / zone / table.name).rglob("*.parquet")
            return
        for (name, day), version in self.shown.items():
            if name == table.name:
                location = glue.location_of(table, str(self.folder), day, version)
                # As Trino writes them: without a suffix.
                yield from (each for each in Path(location).rglob("*") if each.is_file())


@dataclass(frozen=True)
class Answered:
    """An answer that is there."""

    table: pa.Table

    def poll(self) -> Progress:
        return Progress("SUCCEEDED", True, SCANNED)

    def cancel(self) -> None:
        pass

    def pages(self) -> Iterator[pa.Table]:
        yield self.table

    def frame(self) -> pd.DataFrame:
        raise NotImplementedError

    def statistics(self) -> Statistics:
        return Statistics(SCANNED, 0.000125, id="a1", dated=False)


@cache
def _duckdb(sql: str) -> str:
    (text,) = sqlglot.transpile(sql, read="athena", write="duckdb")
    return text
