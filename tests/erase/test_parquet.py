"""A file of the lake without somebody's rows is otherwise as it was, whoever wrote it."""

from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.erase.parquet import Unreadable, check, rows_of, search, write_without
from pipeline.erase.stack.files import END_BYTES, LENGTH_BYTES
from pipeline.erase.subject import of_address
from pipeline.lake.tables import all_tables

TABLE = all_tables()["vpc_flow"]
SUBJECT = of_address("203.0.113.9")
TEXTS = ["203.0.113.9", "203.0.113.90", "::ffff:203.0.113.9", "10.0.0.1"]


def rows(count: int = 4) -> pa.Table:
    """Rows of which every other one is hers."""
    made = [
        {
            "event_time": number,
            "record_id": number,
            "ingest_time": 5,
            "srcaddr": TEXTS[number % 4],
            "bytes": number,
            "extra": [("k", "v"), ("n", None)] if number % 2 else None,
        }
        for number in range(count)
    ]
    return pa.Table.from_pylist(made, TABLE.arrow_schema)


def written(path: Path, made: pa.Table, **how: object) -> Path:
    parquet.write_table(made, path, **how)
    return path


def left(path: Path, to: Path) -> pa.Table:
    assert write_without(path, to, TABLE, SUBJECT) == rows_of(to)
    return parquet.read_table(to)


def test_her_rows_are_found_and_the_others_written_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path / "a", rows(), store_schema=False)
    found = search(path, TABLE, SUBJECT)
    assert (found.rows, found.gone["record_id"].to_pylist()) == (4, [0, 2])
    assert found.gone.column_names == ["event_time", "record_id", "ingest_time"]
    assert left(path, tmp_path / "b").equals(rows().filter(pa.array([False, True, False, True])))


def test_row_groups_stay_as_far_as_anything_is_left_of_them(tmp_path: Path) -> None:
    path = written(tmp_path / "a", rows(10), row_group_size=3)
    left(path, tmp_path / "b")
    told = parquet.read_metadata(tmp_path / "b")
    assert [told.row_group(at).num_rows for at in range(told.num_row_groups)] == [1, 2, 1, 1]


def test_a_file_of_another_writer_keeps_its_columns_and_what_its_footer_says(
    tmp_path: Path,
) -> None:
    made = rows().drop_columns(["extra", "log_group"])
    made = made.append_column("newer", pa.array([1, 2, 3, 4]))
    made = made.replace_schema_metadata({"writer.model.name": "example"})
    how = {"use_deprecated_int96_timestamps": True, "compression": "gzip"}
    path = written(tmp_path / "a", made, **how)
    found = left(path, tmp_path / "b")
    assert found["newer"].to_pylist() == [2, 4]
    assert found["event_time"].equals(made["event_time"].filter(pa.array([False, True] * 2)))
    file = parquet.ParquetFile(tmp_path / "b")
    assert file.metadata.metadata[b"writer.model.name"] == b"example"
    assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
    assert file.schema_arrow.names == made.schema.names


def test_a_file_of_which_nothing_is_left_has_no_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "a", rows().filter(pa.array([True, False] * 2)))
    assert len(left(path, tmp_path / "b")) == 0


def test_a_file_says_at_its_end_how_many_rows_it_has(tmp_path: Path) -> None:
    content = written(tmp_path / "a", rows(1000), row_group_size=10).read_bytes()
    size = int.from_bytes(content[-END_BYTES:][:LENGTH_BYTES], "little") + END_BYTES
    assert size < len(content)
    assert rows_of(pa.BufferReader(content[-size:])) == 1000


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 9, b"no Parquet at all"])
def test_what_is_no_parquet_is_told_without_what_is_in_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="no Parquet of its table: ArrowInvalid"):
        search(path, TABLE, SUBJECT)


def test_a_file_that_does_not_fit_its_table_is_no_file_of_it(tmp_path: Path) -> None:
    made = pa.table({"event_time": ["203.0.113.9"], "record_id": [1], "ingest_time": [1]})
    path = written(tmp_path / "a", made)
    with pytest.raises(Unreadable, match="no Parquet of its table"):
        write_without(path, tmp_path / "b", TABLE, SUBJECT)
    less = written(tmp_path / "c", pa.table({"srcaddr": ["203.0.113.9"]}))
    with pytest.raises(Unreadable, match="no Parquet of its table: KeyError"):
        search(less, TABLE, SUBJECT)


def test_a_column_that_is_broken_is_seen_before_anything_is_written(tmp_path: Path) -> None:
    path = written(tmp_path / "a", rows(1000), use_dictionary=False)
    told = parquet.read_metadata(path).row_group(0)
    (column,) = [
        told.column(at)
        for at in range(told.num_columns)
        if told.column(at).path_in_schema == "bytes"
    ]
    content = bytearray(path.read_bytes())
    # Behind the head of its page.
    at = column.data_page_offset + 60
    content[at : at + 200] = b"\xff" * 200
    path.write_bytes(content)
    assert len(search(path, TABLE, of_address("192.0.2.1")).gone) == 0
    with pytest.raises(Unreadable, match="no"):
        check(path, TABLE, SUBJECT)


def searched_with_each_byte_of_its_footer_flipped(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(1, int.from_bytes(whole[-END_BYTES:][:LENGTH_BYTES], "little")):
        content = bytearray(whole)
        content[-END_BYTES - at] ^= 1
        path.write_bytes(content)
        with suppress(Unreadable):
            search(path, TABLE, SUBJECT)


def test_a_damaged_footer_is_told_and_ends_no_process(tmp_path: Path) -> None:
    made = rows().select(["event_time", "record_id", "ingest_time", "srcaddr", "dstaddr"])
    path = written(tmp_path / "a", made, write_page_index=True)
    # One of its own, for Arrow's C++ ends the process for some of them, if they get there.
    other = get_context("spawn").Process(
        target=searched_with_each_byte_of_its_footer_flipped, args=(path,)
    )
    other.start()
    other.join()
    assert other.exitcode == 0


def test_a_full_disk_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a", rows())
    with pytest.raises(OSError, match="No such file"):
        write_without(path, tmp_path / "none" / "b", TABLE, SUBJECT)
