"""A Parquet file of the lake, searched for a subject's rows, and written without them.

Row group by row group, so that no more of it than one group is in memory at once; the groups keep
their order, their rows, and whatever columns they have.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from pipeline.deliver.lake import layout
from pipeline.erase.columns import looked_at, mask
from pipeline.erase.subject import Subject
from pipeline.schema import REJECT, Table, Type

AT_ONCE = 1 << 16
# What Athena reads wherever it was written, and what AWS's own layer of pyarrow can write.
CODEC = "snappy"
# Bytes of a value in the file below which a column of text repeats itself: it is looked through
# as its dictionary then. Measured: flows 8 times as fast, messages would be half as fast.
REPEATS_BELOW = 8
# What is kept of a row that goes: nothing that says whose it was. `source` tells of a refused line.
IDENTITY = ("event_time", "record_id", "ingest_time")
SOURCE = "source"
# What Arrow says of its own types, which are those of the table.
ARROW = "ARROW:schema"


class Unreadable(ValueError):
    """A file that is no Parquet of its table. Says nothing of what is in it."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What is in a file.

    rows  all of them
    gone  the subject's: their identities, one row each
    """

    rows: int
    gone: pa.Table


def kept_of(table: Table) -> list[str]:
    """What is kept of a table's rows that go."""
    return [*IDENTITY, SOURCE] if table is REJECT else list(IDENTITY)


def search(path: Path, table: Table, subject: Subject) -> Searched:
    """How many rows a file has, and which are the subject's. Raises Unreadable."""
    kept = pa.schema([table.arrow_schema.field(name) for name in kept_of(table)])
    found = [kept.empty_table()]
    with _opened(path, _repeating(path, table, subject)) as file:
        wanted = {*looked_at(table, subject), *kept.names}
        columns = [name for name in file.schema_arrow.names if name in wanted]
        for batch in file.iter_batches(AT_ONCE, columns=columns, use_threads=False):
            hits = mask(table, subject, batch)
            if hits.any():
                mine = pa.Table.from_batches([batch.select(kept.names)]).filter(pa.array(hits))
                found.append(mine.cast(kept, safe=False))
        return Searched(file.metadata.num_rows, pa.concat_tables(found))


def write_without(path: Path, to: Path, table: Table, subject: Subject) -> int:
    """Write a file's other rows to another one; how many. Raises Unreadable, OSError."""
    rows = 0
    with _opened(path, _repeating(path, table, subject)) as file:
        schema = _schema(file, table)
        how = _layout(table, set(schema.names))
        with parquet.ParquetWriter(to, schema, compression=CODEC, **how) as into:
            into.add_key_value_metadata(_said(file))
            for left in _left(file, schema, table, subject):
                if len(left):
                    into.write_table(left, row_group_size=len(left))
                rows += len(left)
    return rows


def check(path: Path, table: Table, subject: Subject) -> None:
    """Whether a file's other rows could be written: a column that tells nothing may be broken.

    Raises Unreadable where they could not.
    """
    with _opened(path, _repeating(path, table, subject)) as file:
        for _ in _left(file, _schema(file, table), table, subject):
            pass


def rows_of(path: Path) -> int:
    """How many rows a file says it has. Raises Unreadable."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def _left(
    file: parquet.ParquetFile, schema: pa.Schema, table: Table, subject: Subject
) -> Iterator[pa.Table]:
    """The other rows of each row group."""
    for number in range(file.num_row_groups):
        parts = []
        for batch in file.iter_batches(AT_ONCE, row_groups=[number], use_threads=False):
            hits = mask(table, subject, batch)
            parts.append(batch.filter(pa.array(~hits)) if hits.any() else batch)
        yield pa.Table.from_batches(parts, file.schema_arrow).cast(schema, safe=False)


def _schema(file: parquet.ParquetFile, table: Table) -> pa.Schema:
    """The file's own columns, in the types of the table."""
    return pa.schema(
        [
            pa.field(each.name, table[each.name].type.arrow if each.name in table else each.type)
            for each in file.schema_arrow
        ]
    )


def _said(file: parquet.ParquetFile) -> dict[str, str]:
    """What the file's footer says beside its columns."""
    said: dict[bytes, bytes] = file.metadata.metadata or {}
    texts = ((key.decode(), value.decode(errors="replace")) for key, value in said.items())
    return {key: value for key, value in texts if key != ARROW}


def _layout(table: Table, names: set[str]) -> dict[str, Any]:
    """As every file of the lake is written, of the columns that there are."""
    usual = layout(table)
    return {
        **usual,
        "use_dictionary": [name for name in usual["use_dictionary"] if name in names],
        "column_encoding": {n: each for n, each in usual["column_encoding"].items() if n in names},
        "write_statistics": [name for name in usual["write_statistics"] if name in names],
    }


def _repeating(path: Path, table: Table, subject: Subject) -> list[str]:
    """Columns of text that repeat themselves."""
    with _opened(path) as file:
        told, rows = file.metadata, file.metadata.num_rows
        wanted = {n for n in looked_at(table, subject) if table[n].type is Type.VARCHAR}
        leaves = [file.schema.column(at).path for at in range(told.num_columns)]
        texts = {at: name for at, name in enumerate(leaves) if name in wanted}
        sizes = dict.fromkeys(texts.values(), 0)
        for group in range(told.num_row_groups):
            # Arrow tells of a damaged footer when it reads, and ends the process when it is asked.
            rows_in = file.iter_batches(1, [group], columns=list(sizes), use_threads=False)
            next(rows_in, None)
            for at, name in texts.items():
                sizes[name] += told.row_group(group).column(at).total_uncompressed_size
    return [name for name, size in sizes.items() if size < REPEATS_BELOW * rows]


@contextmanager
def _opened(path: Path, repeating: list[str] | None = None) -> Iterator[parquet.ParquetFile]:
    try:
        with parquet.ParquetFile(path, read_dictionary=repeating or None) as file:
            yield file
    except (pa.ArrowException, KeyError) as error:
        # What Arrow says of it may quote a value.
        raise Unreadable(f"no Parquet of its table: {type(error).__name__}") from None
    except OSError as error:
        # Arrow's own have no number; those of the disk have one.
        if error.errno is not None:
            raise
        raise Unreadable("no whole Parquet") from None
