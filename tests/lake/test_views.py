"""Views: each event once, the newest decoder's row, over the catalogued files alone."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from pipeline.deliver.lake import LakeSink
from pipeline.deliver.lake_file import LakeFile
from pipeline.lake.tables import all_tables, columns
from pipeline.lake.views import create_views
from pipeline.schema import REJECT, Table
from pipeline.sources import find
from pipeline.triggers import Record
from tests.carriers import ARRIVAL_MS
from tests.homes import flow, flows, written
from tests.landing import file_of, landed, rows_of
from tests.processed import record

VPC_FLOW = find("vpc-flow").table


def asked(
    folder: Path, files: Sequence[LakeFile], sql: str, table: Table = VPC_FLOW
) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        create_views(connection, folder, table, files)
        return connection.execute(sql).fetchall()


def again(folder: Path, file: LakeFile, name: str, **columns: Any) -> LakeFile:
    """The rows of a file delivered once more, some of their columns changed."""
    table = all_tables()[file.table]
    rows = rows_of(folder, file, table)
    for column, value in columns.items():
        place = table.arrow_schema.get_field_index(column)
        field = table.arrow_schema.field(place)
        array = pa.array(np.full(len(rows), value)).cast(field.type)
        rows = rows.set_column(place, field, array)
    sink = LakeSink(folder, replay=name)
    sink.write(table, rows, [Record(b"", "7", ARRIVAL_MS, "s")])
    return file_of(sink.take(), table.name)


@pytest.mark.fault("F3", "F18")
def test_rows_delivered_twice_are_there_once(tmp_path: Path) -> None:
    file = file_of(landed(tmp_path, [record(flows(1, 2, 2))]))
    twice = [file, again(tmp_path, file, "a"), again(tmp_path, file, "b")]
    sums = "select count(*), sum(bytes) from vpc_flow"
    assert asked(tmp_path, [file], sums) == [(3, 5)]
    assert asked(tmp_path, twice, sums) == [(3, 5)]
    assert asked(tmp_path, twice, sums + "_landing") == [(9, 15)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_row_of_the_newest_decoder_stands(tmp_path: Path, order: tuple[int, ...]) -> None:
    first = file_of(landed(tmp_path, [record(flow(1))]))
    newer = again(tmp_path, first, "a", decoder_version=10, bytes=10)
    older = again(tmp_path, first, "b", decoder_version=9, bytes=9)
    files = [(first, newer, older)[place] for place in order]
    assert asked(tmp_path, files, "select bytes, decoder_version from vpc_flow") == [(10, 10)]


def test_among_equal_decoders_the_first_arrival_stands(tmp_path: Path) -> None:
    first = file_of(landed(tmp_path, [record(flow(1))]))
    later = again(tmp_path, first, "a", ingest_time=ARRIVAL_MS + 1, bytes=2)
    for files in ([first, later], [later, first]):
        assert asked(tmp_path, files, "select bytes from vpc_flow") == [(1,)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_among_equal_copies_the_one_written_last_stands(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    first = file_of(landed(tmp_path, [record(flow(1), "7")]))
    retried = again(tmp_path, first, "a", bytes=2)
    later = replace(again(tmp_path, first, "b", bytes=3), last_seq=8)
    files = [(first, retried, later)[place] for place in order]
    assert asked(tmp_path, files, "select bytes from vpc_flow") == [(3,)]
    files.remove(later)
    assert asked(tmp_path, files, "select bytes from vpc_flow") == [(2,)]


@pytest.mark.parametrize("name", ["reject", "batch"])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_the_pipelines_own_rows_the_newest_attempt_stands(
    tmp_path: Path, name: str, order: tuple[int, ...]
) -> None:
    first = file_of(landed(tmp_path, [record(b"no flow\n")]), name)
    second = again(tmp_path, first, "b", attempt=1, ingest_time=ARRIVAL_MS + 9)
    newest = again(tmp_path, first, "a", attempt=2, ingest_time=ARRIVAL_MS + 9)
    files = [(first, second, newest)[place] for place in order]
    with duckdb.connect() as connection:
        create_views(connection, tmp_path, all_tables()[name], files)
        assert connection.table(name).project("attempt").fetchall() == [(2,)]


def test_a_newer_decoder_wins_over_a_newer_attempt(tmp_path: Path) -> None:
    first = file_of(landed(tmp_path, [record(b"no flow\n")]), "reject")
    newer = again(tmp_path, first, "a", attempt=1, decoder_version=9)
    attempt = again(tmp_path, first, "b", attempt=7)
    files = [attempt, newer, first]
    assert asked(tmp_path, files, "select attempt from reject", REJECT) == [(1,)]


@pytest.mark.parametrize("numbers", ["12", "21"])
def test_of_a_record_that_came_twice_at_once_one_object_is_named(
    tmp_path: Path, numbers: str
) -> None:
    """Whichever was written last."""
    first = file_of(landed(tmp_path, [record(b"no flow\n")]), "reject")
    names = [f"app-log/dt=2026-11-27/0001-{number}.json.gz" for number in numbers]
    files = [
        again(tmp_path, first, file, object=name) for file, name in zip("ab", names, strict=True)
    ]
    found = asked(tmp_path, files, "select object from reject", REJECT)
    assert found == [(min(names),)]


def test_a_resolved_reject_is_seen_in_landing_only(tmp_path: Path) -> None:
    first = file_of(landed(tmp_path, [record(b"no flow\n" * 2)]), "reject")
    resolved = again(tmp_path, first, "a", attempt=1, resolved=True)
    count = "select count(*), count(*) filter (where resolved) from reject"
    assert asked(tmp_path, [first], count, REJECT) == [(2, 0)]
    assert asked(tmp_path, [first, resolved], count, REJECT) == [(0, 0)]
    assert asked(tmp_path, [first, resolved], count + "_landing", REJECT) == [(4, 2)]


def test_a_reject_that_came_back_is_there_again(tmp_path: Path) -> None:
    first = file_of(landed(tmp_path, [record(b"no flow\n")]), "reject")
    resolved = again(tmp_path, first, "a", attempt=1, resolved=True)
    back = again(tmp_path, first, "b", attempt=2)
    files = [first, resolved, back]
    assert asked(tmp_path, files, "select attempt from reject", REJECT) == [(2,)]


def test_equal_lines_and_equal_ids_at_other_times_are_events_of_their_own(tmp_path: Path) -> None:
    first = file_of(landed(tmp_path, [record(flow(1) * 2)]))
    moved = again(tmp_path, first, "a", event_time=1_418_530_071_000)
    assert asked(tmp_path, [first, moved], "select count(*) from vpc_flow") == [(4,)]


def test_the_day_is_that_of_the_event(tmp_path: Path) -> None:
    midnight = 1_418_515_200
    text = flow(1, midnight - 1) + flow(2, midnight)
    file = file_of(landed(tmp_path, [record(text)]))
    sql = "select bytes, dt, event_time::varchar from vpc_flow order by bytes"
    assert asked(tmp_path, [file], sql) == [
        (1, "2014-12-13", "2014-12-13 23:59:59"),
        (2, "2014-12-14", "2014-12-14 00:00:00"),
    ]
    assert (
        asked(tmp_path, [file], sql.replace("vpc_flow", "vpc_flow_landing"))[0][1] == "2014-12-13"
    )


@pytest.mark.fault("F20", "F21")
def test_files_that_nobody_catalogued_change_nothing(tmp_path: Path) -> None:
    file = file_of(landed(tmp_path, [record(flow(1))]))
    beside = (tmp_path / file.path).parent
    for name in ("_SUCCESS", ".x.parquet", "_tmp/x.parquet", "half.parquet", "empty.parquet"):
        written(beside / name, b"" if name.startswith("empty") else b"PAR1 and no more")
    again(tmp_path, file, "uncatalogued", bytes=2)
    assert asked(tmp_path, [file], "select bytes from vpc_flow") == [(1,)]


@pytest.mark.parametrize("table", all_tables())
def test_a_table_without_files_is_an_empty_view_of_the_declared_types(table: str) -> None:
    declared = all_tables()[table]
    with duckdb.connect() as connection:
        create_views(connection, Path("nowhere"), declared, [])
        described = connection.execute(f"describe {table}").fetchall()
        assert connection.table(f"{table}_landing").fetchall() == []
    types = {"TIMESTAMP_MS": "timestamp_ms", "TIMESTAMP": "timestamp_ms"}
    assert [(name, types.get(kind, kind.lower())) for name, kind, *_ in described] == [
        (field.name, field.type.duckdb) for field in columns(declared)
    ]


def test_a_view_over_files_has_the_types_of_an_empty_one(tmp_path: Path) -> None:
    file = file_of(landed(tmp_path, [record(flow(1))]))
    full, empty = (asked(tmp_path, files, "describe vpc_flow") for files in ([file], []))
    assert [row[0] for row in full] == [row[0] for row in empty]
    assert {(a[0], a[1], b[1]) for a, b in zip(full, empty, strict=True) if a[1] != b[1]} <= {
        (name, "TIMESTAMP", "TIMESTAMP_MS")
        for name in ("event_time", "start_time", "end_time", "ingest_time")
    }


@pytest.mark.parametrize("name", ["it's", "a b", "year=2026", "über", "a[1]", "star*", "q?"])
def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    file = file_of(landed(folder, [record(flow(7))]))
    assert asked(folder, [file], "select bytes from vpc_flow") == [(7,)]


def test_views_can_be_made_anew_over_more_files(tmp_path: Path) -> None:
    first = file_of(landed(tmp_path, [record(flow(1), "1")]))
    second = file_of(landed(tmp_path, [record(flow(2), "2")]))
    with duckdb.connect() as connection:
        for files, expected in (([first], 1), ([first, second], 3), ([], None)):
            create_views(connection, tmp_path, VPC_FLOW, files)
            total = connection.execute("select sum(bytes) from vpc_flow").fetchone()
            assert total == (expected,)


def test_a_path_is_never_read_as_a_pattern(tmp_path: Path) -> None:
    first = file_of(landed(tmp_path / "a1", [record(flow(1))]))
    landed(tmp_path / "a[1]", [record(flow(2))])
    assert asked(tmp_path / "a[1]", [first], "select bytes from vpc_flow") == [(2,)]
