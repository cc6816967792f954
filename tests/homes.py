"""Homes made and asked by tests: lines with known numbers, the command, SQL over what is there."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import duckdb

from pipeline.cli import exit_code
from pipeline.home import readable
from pipeline.lake import catalogue
from pipeline.lake.tables import find_table
from pipeline.lake.views import create_views
from pipeline.store import Store

COMMAND = Path(sys.executable).with_name("tailrace")


def flow(number: int, end: int = 1_418_530_070) -> bytes:
    """A default flow log line with its newline; its bytes are `number`."""
    return (
        b"2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 %d %d %d"
        b" ACCEPT OK\n" % (number, end - 60, end)
    )


def flows(*numbers: int) -> bytes:
    """Default flow log lines, one for each number."""
    return b"".join(map(flow, numbers))


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


def call(*words: str | Path) -> Ran:
    """Run the command in this process."""
    out, err = (TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2))
    argv, finders = sys.argv, list(sys.meta_path)
    sys.argv = ["tailrace", *map(str, words)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = exit_code()
    finally:
        sys.argv, sys.meta_path[:] = argv, finders
    return Ran(code, _text(out), _text(err))


def _text(written: TextIOWrapper) -> str:
    written.flush()
    content: BytesIO = written.buffer  # type: ignore[assignment]
    return content.getvalue().decode()


def run(*words: str | Path, stdin: bytes = b"", **environ: str) -> Ran:
    """Run the command as a process of its own, as a user does."""
    done = subprocess.run(
        [COMMAND, *words],
        input=stdin,
        capture_output=True,
        env=clean_environ() | environ,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def clean_environ() -> dict[str, str]:
    """The environment without settings of Tailrace."""
    return {name: text for name, text in os.environ.items() if not name.startswith("TAILRACE_")}


@contextmanager
def views(store: Store, lake: Path, *tables: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the views of some tables over the catalogued files."""
    with duckdb.connect() as connection:
        for name in tables:
            table = find_table(name)
            files = catalogue.files_of(store, table.name)
            create_views(connection, lake, table, files, catalogue.retracted(store, table.name))
        yield connection


def ask(home: Path, sql: str, table: str = "vpc_flow") -> list[tuple[Any, ...]]:
    """Rows of a statement over the views of one table of a home."""
    with (
        readable(home) as opened,
        views(opened.store, home / "lake", table) as connection,
    ):
        return connection.execute(sql).fetchall()


def numbers(home: Path, table: str = "vpc_flow", column: str = "bytes") -> list[int]:
    """The numbers of all lines in the view of a home, sorted."""
    return [row[0] for row in ask(home, f"select {column} from {table} order by 1", table)]  # noqa: S608 - own words


def files_under(folder: Path) -> list[str]:
    """Paths of all files under a folder, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def lake_files(home: Path, table: str = "vpc_flow") -> list[Path]:
    """Landing files of a table, sorted."""
    return sorted((home / "lake" / "landing" / table).rglob("*.parquet"))


def edit(home: Path, *statements: str) -> None:
    """Change log.db behind everybody's back."""
    store = Store(home, writer=True)
    try:
        with store.transaction() as connection:
            for statement in statements:
                connection.execute(statement)
    finally:
        store.close()


def written(path: Path, *parts: bytes) -> Path:
    """A file with some content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(parts))
    return path


def piped(content: bytes) -> str:
    """Path of a pipe that holds some content, as a shell gives for `<(command)`."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return f"/dev/fd/{reading}"


def lines_of(text: str) -> Sequence[str]:
    """Lines of some output."""
    return text.splitlines()
