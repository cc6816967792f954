"""Compaction: each event once, by day and in order, whatever came how often and in which order."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.deliver.lake_file import digest_of_file
from pipeline.errors import DeliveryError, HomeError
from pipeline.home import audit_of, readable
from pipeline.lake import catalogue, folding, footer
from pipeline.lake.curated import Sizes
from pipeline.sources import find
from pipeline.store import Store
from tests.homes import ask, edit, files_under, lake_files, numbers, written
from tests.lake.days import bring, compacted, curated_files

TABLE = find("vpc-flow").table


def names(home: Path) -> list[str]:
    return [
        path.relative_to(home / "lake/curated/vpc_flow").as_posix() for path in curated_files(home)
    ]


def balanced(home: Path) -> bool:
    with readable(home) as opened:
        found = audit_of(opened)
    assert found.balanced, found.findings
    return not found.findings


def test_landing_becomes_a_file_for_each_day_of_events(tmp_path: Path) -> None:
    bring(tmp_path, 1, 2, 4)
    done = compacted(tmp_path)["vpc_flow"]
    assert (done.days, done.files_in, done.rows_in, done.rows_out) == (2, 1, 3, 3)
    assert names(tmp_path) == ["dt=2014-12-13/v1-00.parquet", "dt=2014-12-14/v1-00.parquet"]
    assert ask(tmp_path, "select bytes, dt from vpc_flow order by 1") == [
        (1, "2014-12-13"),
        (2, "2014-12-14"),
        (4, "2014-12-14"),
    ]
    assert lake_files(tmp_path) == []
    assert balanced(tmp_path)


def test_what_went_in_counts_the_days_version_before_in_every_figure(tmp_path: Path) -> None:
    bring(tmp_path, 2, 4)
    before = compacted(tmp_path)["vpc_flow"]
    bring(tmp_path, 6)
    (landing,) = lake_files(tmp_path)
    size = landing.stat().st_size
    done = compacted(tmp_path)["vpc_flow"]
    assert (done.files_in, done.rows_in, done.rows_out) == (2, 3, 3)
    assert done.bytes_before == size + before.bytes_after


def test_a_curated_file_is_sorted_and_has_the_columns_of_the_table(tmp_path: Path) -> None:
    bring(tmp_path, 8, 2, 6)
    bring(tmp_path, 4)
    compacted(tmp_path)
    (path,) = curated_files(tmp_path)
    rows = parquet.read_table(path, partitioning=None)
    assert rows["bytes"].to_pylist() == [2, 4, 6, 8]
    assert [field.type for field in rows.schema] == [f.type for f in TABLE.arrow_schema]
    group = parquet.read_metadata(path).row_group(0)
    columns = {c.path_in_schema: c for c in map(group.column, range(group.num_columns))}
    assert columns["srcaddr"].compression == "ZSTD"
    assert "DELTA_BINARY_PACKED" in columns["record_id"].encodings


def test_what_nobody_delivered_since_is_not_written_again(tmp_path: Path) -> None:
    bring(tmp_path, 1, 2)
    assert set(compacted(tmp_path)) == {"vpc_flow", "batch"}
    before = files_under(tmp_path / "lake")
    assert compacted(tmp_path) == {}
    assert files_under(tmp_path / "lake") == before


def test_late_events_are_folded_into_their_day_and_leave_the_others_alone(tmp_path: Path) -> None:
    bring(tmp_path, 1, 2)
    compacted(tmp_path)
    bring(tmp_path, 3)
    assert numbers(tmp_path) == [1, 2, 3]
    compacted(tmp_path)
    assert numbers(tmp_path) == [1, 2, 3]
    assert names(tmp_path) == ["dt=2014-12-13/v2-00.parquet", "dt=2014-12-14/v1-00.parquet"]
    assert balanced(tmp_path)


@pytest.mark.fault("F18")
@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("between", [False, True])
def test_f18_what_is_delivered_twice_and_out_of_order_is_there_once(
    tmp_path: Path, order: tuple[int, ...], between: bool
) -> None:
    """F18: an object delivered twice; out of order: the view stays as it is."""
    files = [(1, 2), (3,), (4, 5)]
    seen: set[int] = set()
    for place in [*order, *reversed(order)]:
        bring(tmp_path, *files[place], hours=place)
        seen |= set(files[place])
        assert numbers(tmp_path) == sorted(seen)
        if between:
            compacted(tmp_path)
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]
    compacted(tmp_path)
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]
    with readable(tmp_path) as opened:
        found = audit_of(opened)
    assert found.findings == []
    assert {hour.hour - found.hours[0].hour: hour.duplicates for hour in found.hours} == {
        0: 2,
        1: 1,
        2: 2,
    }


def test_a_newer_decoder_replaces_the_row_at_the_next_compaction(tmp_path: Path) -> None:
    bring(tmp_path, 2)
    compacted(tmp_path)
    bring(tmp_path, 2)
    (path,) = lake_files(tmp_path)
    rows = parquet.read_table(path, partitioning=None)
    place = rows.schema.get_field_index("decoder_version")
    newer = rows.set_column(place, rows.schema.field(place), pa.array([99], pa.int32()))
    newer = newer.set_column(
        newer.schema.get_field_index("bytes"), newer.schema.field("bytes"), pa.array([7])
    )
    parquet.write_table(newer, path, store_schema=False)
    renote(tmp_path, path)
    both = "select bytes, decoder_version from vpc_flow"
    assert ask(tmp_path, both)[0][0] == 2
    compacted(tmp_path)
    assert ask(tmp_path, both) == [(7, 99)]


def renote(home: Path, path: Path) -> None:
    name = path.relative_to(home / "lake").as_posix()
    edit(home, f"update lake_file set digest = '{digest_of_file(path)}' where path = '{name}'")  # noqa: S608


def test_the_footer_lists_what_was_folded_in_ever(tmp_path: Path) -> None:
    bring(tmp_path, 2, 4)
    bring(tmp_path, 4, 2, identity="request/(2, 4)")
    compacted(tmp_path)
    bring(tmp_path, 6)
    compacted(tmp_path)
    (path,) = curated_files(tmp_path)
    said = footer.read(path)
    assert (said.table, said.day, said.version, said.part, said.last) == (
        *("vpc_flow", "2014-12-14"),
        *(2, 0, True),
    )
    assert [(each.rows, each.fresh) for each in said.folded] == [(2, 2), (2, 2), (1, 1)]


def test_a_day_of_many_rows_becomes_several_files(tmp_path: Path) -> None:
    wanted = list(range(2, 24, 2))
    bring(tmp_path, *wanted)
    bring(tmp_path, *wanted[3:6])
    bring(tmp_path, *wanted, identity=f"request/{tuple(wanted)}")
    compacted(tmp_path, sizes=Sizes(group=2, file=4, at_once=3))
    assert [path.name for path in curated_files(tmp_path)] == [
        "v1-00.parquet",
        "v1-01.parquet",
        "v1-02.parquet",
        "v1-03.parquet",
    ]
    assert numbers(tmp_path) == sorted([*wanted, *wanted[3:6]])
    assert [footer.read(path).last for path in curated_files(tmp_path)] == [False] * 3 + [True]
    assert balanced(tmp_path)


@pytest.mark.fault("F7")
@pytest.mark.parametrize("table", ["lake_file", "curated"])
def test_a_run_that_breaks_off_changes_nothing_and_the_next_one_converges(
    tmp_path: Path, table: str
) -> None:
    bring(tmp_path, 1, 2)
    compacted(tmp_path)
    bring(tmp_path, 3, 4)
    if table == "lake_file":
        trigger = "create trigger full before update of folded on lake_file begin"
        edit(tmp_path, f"{trigger} select raise(abort, 'crash'); end")
    else:
        in_the_way = tmp_path / "lake/curated/vpc_flow/dt=2014-12-14/v2-00.parquet/x"
        written(in_the_way, b"")
    with pytest.raises(DeliveryError, match="cannot be written"):
        compacted(tmp_path)
    assert numbers(tmp_path) == [1, 2, 3, 4]
    assert (tmp_path / "lake/curated/vpc_flow/dt=2014-12-13/v2-00.parquet").is_file()
    assert not (tmp_path / "spill").exists()
    if table == "lake_file":
        edit(tmp_path, "drop trigger full")
    else:
        in_the_way.unlink()
        in_the_way.parent.rmdir()
    compacted(tmp_path)
    assert numbers(tmp_path) == [1, 2, 3, 4]
    assert [name[-13:] for name in names(tmp_path)] == ["v2-00.parquet"] * 2
    assert balanced(tmp_path)


@pytest.mark.fault("F7")
@pytest.mark.slow
def test_a_run_that_is_killed_anywhere_converges(tmp_path: Path) -> None:
    chance = random.Random(22)
    code = "import sys; from tests.lake.days import *; compacted(Path(sys.argv[1]))"
    wanted: list[int] = []
    for number in range(8):
        wanted += [4 * number + 1, 4 * number + 2]
        bring(tmp_path, *wanted[-2:])
        bring(tmp_path, *wanted[-2:])
        process = subprocess.Popen([sys.executable, "-c", code, tmp_path])
        deadline = time.monotonic() + 30
        spill, after = tmp_path / "writer.lock", chance.random() / 2
        while process.poll() is None and spill.read_text() != str(process.pid):
            assert time.monotonic() < deadline
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert numbers(tmp_path) == sorted(wanted)
    compacted(tmp_path)
    assert numbers(tmp_path) == sorted(wanted)
    assert len(curated_files(tmp_path)) == 2
    assert balanced(tmp_path)


@pytest.mark.fault("F7")
def test_a_damaged_file_is_left_out_and_stays_what_it_is(tmp_path: Path) -> None:
    bring(tmp_path, 2)
    bring(tmp_path, 4)
    first, _ = lake_files(tmp_path)
    content = first.read_bytes()
    first.write_bytes(content[:99] + bytes([content[99] ^ 1]) + content[100:])
    done = compacted(tmp_path)["vpc_flow"]
    assert (done.files_in, done.rows_out) == (1, 1)
    assert done.damaged == (first.relative_to(tmp_path / "lake").as_posix(),)
    with readable(tmp_path) as opened:
        assert not audit_of(opened).balanced
    first.write_bytes(content)
    compacted(tmp_path)
    assert numbers(tmp_path) == [2, 4]
    assert balanced(tmp_path)


@pytest.mark.fault("F7")
def test_a_damaged_day_stays_and_with_it_what_touches_it(tmp_path: Path) -> None:
    bring(tmp_path, 1, 2)
    compacted(tmp_path)
    bring(tmp_path, 3, 4)
    bring(tmp_path, 6)
    before, _ = curated_files(tmp_path)
    content = before.read_bytes()
    before.write_bytes(content + b"x")
    done = compacted(tmp_path)["vpc_flow"]
    assert (done.files_in, len(done.damaged)) == (2, 1)
    before.write_bytes(content)
    assert numbers(tmp_path) == [1, 2, 3, 4, 6]
    compacted(tmp_path)
    assert numbers(tmp_path) == [1, 2, 3, 4, 6]
    assert balanced(tmp_path)


@pytest.mark.fault("F7")
def test_files_are_never_removed_for_a_catalogue_that_lost_them(tmp_path: Path) -> None:
    bring(tmp_path, 1, 2)
    compacted(tmp_path)
    before = {path: path.read_bytes() for path in curated_files(tmp_path)}
    edit(tmp_path, "delete from lake_file")
    bring(tmp_path, 4)
    compacted(tmp_path)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.fault("F20")
@pytest.mark.parametrize("zone", ["landing", "curated"])
def test_f20_what_is_no_parquet_beside_the_files_changes_nothing_and_is_named(
    tmp_path: Path, zone: str
) -> None:
    """F20: a half-written, zero-byte or foreign object: queries answer, the audit names it."""
    bring(tmp_path, 2)
    if zone == "curated":
        compacted(tmp_path)
    beside = (curated_files(tmp_path) or lake_files(tmp_path))[0]
    content = beside.read_bytes()
    strays = {"v9-00.parquet": content[:-4], "empty.parquet": b"", "foreign.parquet": b"PAR1 no"}
    for name, each in strays.items():
        written(beside.parent / name, each)
    bring(tmp_path, 4)
    assert numbers(tmp_path) == [2, 4]
    with readable(tmp_path) as opened:
        found = audit_of(opened)
    assert found.balanced
    assert {Path(each.where).name: each.kind for each in found.findings} == dict.fromkeys(
        strays, "stray_file"
    )
    compacted(tmp_path)
    assert numbers(tmp_path) == [2, 4]
    assert all((beside.parent / name).is_file() for name in strays)


@pytest.mark.fault("F21")
def test_f21_hidden_and_temporary_names_are_ignored(tmp_path: Path) -> None:
    """F21: _tmp/x, .x.parquet, _SUCCESS in the prefix: no reader takes them, whole or not."""
    bring(tmp_path, 2)
    landing = lake_files(tmp_path)[0]
    whole = landing.read_bytes()
    beside = [landing.parent]
    compacted(tmp_path)
    beside.append(curated_files(tmp_path)[0].parent)
    for folder in beside:
        for name in ("_tmp/x", "_tmp/x.parquet", ".x.parquet", "_SUCCESS"):
            written(folder / name, whole)
    bring(tmp_path, 4)
    assert numbers(tmp_path) == [2, 4]
    assert compacted(tmp_path)["vpc_flow"].files_in == 2  # its own, and the day's version before
    assert numbers(tmp_path) == [2, 4]


def test_a_file_that_was_folded_in_and_comes_again_is_folded_in_once_more(tmp_path: Path) -> None:
    bring(tmp_path, 2, 4)
    compacted(tmp_path)
    edit(tmp_path, "update checkpoint set seq = 0")
    bring(tmp_path, 6)
    for _ in range(2):
        assert numbers(tmp_path) == [2, 4, 6]
        with readable(tmp_path) as opened:
            found = audit_of(opened)
        assert found.findings == []
        assert [hour.duplicates for hour in found.hours] == [0]
        compacted(tmp_path)


def test_versions_rise_and_a_file_is_never_written_again(tmp_path: Path) -> None:
    for number in (2, 4, 6):
        bring(tmp_path, number)
        compacted(tmp_path)
    assert names(tmp_path) == ["dt=2014-12-14/v3-00.parquet"]
    store = Store(tmp_path, writer=False)
    known = [file.path for file in catalogue.all_files(store) if file.zone == "curated"]
    assert catalogue.newest_version(store, "vpc_flow") == 3
    store.close()
    assert "curated/vpc_flow/dt=2014-12-14/v3-00.parquet" in known


def test_a_short_window_opens_the_files_that_can_hold_it(tmp_path: Path) -> None:
    bring(tmp_path, 1, 2)
    compacted(tmp_path)
    bring(tmp_path, 4)
    store = Store(tmp_path, writer=False)
    day_ms = 1_418_515_200_000
    before = catalogue.files_of(store, "vpc_flow", day_ms - 60_000, day_ms)
    after = catalogue.files_of(store, "vpc_flow", day_ms, day_ms + 3_000)
    later = catalogue.files_of(store, "vpc_flow", day_ms + 3_000, day_ms + 9_000)
    store.close()
    assert [file.path.split("/")[2] for file in before] == ["dt=2014-12-13"]
    assert [file.path.split("/")[2] for file in after] == ["dt=2014-12-14"]
    assert [file.zone for file in later] == ["landing"]


def test_rows_are_read_again_before_they_come_into_force(tmp_path: Path) -> None:
    bring(tmp_path, 2, 4)
    store = Store(tmp_path, writer=False)
    (file,) = catalogue.files_of(store, "vpc_flow")
    store.close()
    with duckdb.connect() as connection:
        day = Losing(connection, tmp_path / "lake", TABLE, "2014-12-14", [], {file: 2})
        with pytest.raises(ValueError, match="2 events went in, 1 came out"):
            day.write(1, ())
    assert curated_files(tmp_path) == []


class Losing(folding.Folding):
    """A folding that loses a row of each slice."""

    def _slice(self, first_ms: int, end_ms: int) -> Iterator[pa.RecordBatch]:
        for batch in super()._slice(first_ms, end_ms):
            yield batch[1:]


@pytest.mark.fault("F7")
def test_a_file_that_is_not_of_the_time_it_is_noted_with_is_not_folded_in(tmp_path: Path) -> None:
    bring(tmp_path, 2, 4)
    edit(tmp_path, "update lake_file set last_ms = 1, first_ms = 0")
    with pytest.raises(HomeError, match="0 rows of 2 lie between the times"):
        compacted(tmp_path)
    assert len(lake_files(tmp_path)) == 1
