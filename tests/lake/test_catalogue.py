"""The catalogue: which files the lake has, and which of them can hold events of a time."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.deliver.lake_file import LakeFile
from pipeline.lake import catalogue
from pipeline.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path, writer=True)
    yield opened
    opened.close()


def file(path: str, first_ms: int = 0, last_ms: int = 9, table: str = "vpc_flow") -> LakeFile:
    return LakeFile(
        path, "landing", table, "2026-11-25T14", 2, 900, "d1", first_ms, last_ms, 3, 41, 43
    )


def add(store: Store, *files: LakeFile) -> None:
    with store.transaction() as connection:
        catalogue.add(connection, files)


def test_files_come_back_as_they_were_noted(store: Store) -> None:
    add(store, file("b"), file("a"), file("c", table="app_log"))
    assert catalogue.all_files(store) == [file("a"), file("b"), file("c", table="app_log")]
    assert catalogue.files_of(store, "vpc_flow") == [file("a"), file("b")]
    assert catalogue.files_of(store, "batch") == []


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "there"),
    [
        (None, None, True),
        (2_000, None, True),
        (2_001, None, False),
        (None, 1_000, False),
        (None, 1_001, True),
        (0, 1_000, False),
        (0, 1_001, True),
        (1_500, 1_600, True),
        (2_000, 2_001, True),
        (2_001, 9_000, False),
    ],
)
def test_a_time_leaves_out_the_files_that_cannot_hold_it(
    store: Store, from_ms: int | None, to_ms: int | None, there: bool
) -> None:
    add(store, file("a", first_ms=1_000, last_ms=2_000))
    assert bool(catalogue.files_of(store, "vpc_flow", from_ms, to_ms)) is there


def test_a_file_that_was_written_again_is_noted_as_it_is_now(store: Store) -> None:
    add(store, file("a"))
    add(store, file("b"), file("a", last_ms=99))
    assert catalogue.all_files(store) == [file("a", last_ms=99), file("b")]


def test_a_file_that_is_written_again_while_it_is_folded_in_stays_in_force(store: Store) -> None:
    before, other = file("a"), file("b")
    add(store, before, other)
    add(store, replace(before, digest="d2", rows=3))
    with store.transaction() as connection:
        new = replace(file("c"), zone="curated", first_seq=1)
        catalogue.swap(connection, [new], [], [before, other], 5)
    in_force = {each.path: each.digest for each in catalogue.files_of(store, "vpc_flow")}
    assert in_force == {"a": "d2", "c": "d1"}
