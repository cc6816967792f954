"""A real Trino, the engine of Athena, over the Parquet that an emulator's Firehose wrote.

Athena of an emulator is DuckDB, which reads what it likes: types, times and maps in the files have
to be those that Trino takes for the columns in Glue.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.lake.tables import find_table
from pipeline.queries import Window, load
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import Sent
from tests.e2e.test_answers import TABLES
from tests.trino.asking import Question, ask, difference
from tests.trino.install import VERSION, UnavailableError, cached_home
from tests.trino.metastore import Metastore
from tests.trino.server import Trino, running

SCHEMA = "lake"
SAVED = ("top_talkers", "rejected_sources", "app_errors")


@pytest.fixture(scope="session")
def trino(target: Cloud, sent: Sent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trino]:
    """A server over a copy of the target's lake, with tables and views as in Glue."""
    if not cached_home().is_dir():
        pytest.skip(f"Trino {VERSION} is not on this machine: make trino-check gets it, once")
    folder = tmp_path_factory.mktemp("trino")
    # As it was then: other tests send something, too.
    for key, content in sent.lake.items():
        (path := folder / key).parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    day = datetime.fromtimestamp(sent.sample.now_ms / 1000, UTC).date()
    try:
        with running(folder, SCHEMA) as server:
            store = Metastore(folder, server)
            store.declare(since=day)
            store.set_views(None)
            yield server
    except UnavailableError as error:
        pytest.skip(str(error).splitlines()[0])


def _window(sent: Sent) -> Window:
    first, last = (sent.sample.now_ms / 1000 + each for each in (-7200, 7200))
    return Window(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC))


def _differs(question: Question, home: Path, trino: Trino) -> list[str]:
    answers = ask(question, home, trino, question.window.to_time)
    assert answers.trino
    return difference(question, answers)


@pytest.mark.needs("trino.parquet")
@pytest.mark.parametrize("table", TABLES)
def test_trino_reads_the_rows_of_the_embedded_home(
    target: Cloud, sent: Sent, home: Path, trino: Trino, table: str
) -> None:
    # When a record came is another moment in each.
    names = ", ".join(f'"{each.name}"' for each in find_table(table) if each.name != "ingest_time")
    sql = f"SELECT {names} FROM {table} ORDER BY event_time, record_id"  # noqa: S608 - a table of ours
    assert _differs(Question(table, sql, _window(sent)), home, trino) == []


@pytest.mark.needs("trino.parquet")
@pytest.mark.parametrize("name", SAVED)
def test_trino_answers_saved_queries_over_it(
    target: Cloud, sent: Sent, home: Path, trino: Trino, name: str
) -> None:
    query = load()[name]
    assert _differs(Question(name, query.sql, _window(sent), query), home, trino) == []
