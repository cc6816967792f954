"""log.db: made once, changed in transactions, read beside its writer."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import DeliveryError, HomeError, NotConfigured
from pipeline.store import Store, exists

CHECKPOINT = "insert into checkpoint (shard, seq) values (?, ?)"


def seqs(store: Store) -> list[int]:
    return [row["seq"] for row in store.rows("select seq from checkpoint order by shard")]


def put_then(store: Store, act: Callable[[sqlite3.Connection], object]) -> None:
    with store.transaction() as connection:
        connection.execute(CHECKPOINT, (0, 7))
        act(connection)


def test_a_writer_makes_the_file_and_the_folder(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    assert not exists(home)
    Store(home, writer=True).close()
    assert exists(home)


def test_what_is_committed_is_there_after_it_is_opened_again(tmp_path: Path) -> None:
    store = Store(tmp_path, writer=True)
    with store.transaction() as connection:
        connection.execute(CHECKPOINT, (0, 7))
    store.close()
    again = Store(tmp_path, writer=True)
    assert seqs(again) == [7]
    again.close()


def test_a_commit_survives_power_loss_by_the_settings_of_sqlite(tmp_path: Path) -> None:
    store = Store(tmp_path, writer=True)
    assert store.rows("pragma journal_mode")[0][0] == "wal"
    assert store.rows("pragma synchronous")[0][0] == 2
    store.close()


def test_a_transaction_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path, writer=True)
    with pytest.raises(ZeroDivisionError):
        put_then(store, lambda connection: 1 / 0)
    assert seqs(store) == []
    with store.transaction() as connection:
        connection.execute(CHECKPOINT, (0, 8))
    assert seqs(store) == [8]
    store.close()


def test_what_sqlite_refuses_is_a_delivery_error(tmp_path: Path) -> None:
    store = Store(tmp_path, writer=True)
    with pytest.raises(DeliveryError, match=r"log.db cannot be written: UNIQUE constraint"):
        put_then(store, lambda connection: connection.execute(CHECKPOINT, (0, 8)))
    assert seqs(store) == []
    store.close()


def test_a_full_disk_is_a_delivery_error_and_leaves_the_old_state(tmp_path: Path) -> None:
    store = Store(tmp_path, writer=True)
    pages = store.rows("pragma page_count")[0][0]
    store.rows(f"pragma max_page_count = {pages}")
    big = "create table big as select zeroblob(1000000) as b"
    with pytest.raises(DeliveryError, match="database or disk is full"):
        put_then(store, lambda connection: connection.execute(big))
    assert seqs(store) == []
    store.close()


def test_a_reader_sees_committed_things_only_and_waits_for_nobody(tmp_path: Path) -> None:
    writer, reader = Store(tmp_path, writer=True), Store(tmp_path, writer=False)
    with writer.transaction() as connection:
        connection.execute(CHECKPOINT, (0, 7))
        assert seqs(reader) == []
    assert seqs(reader) == [7]
    reader.close()
    writer.close()


def test_a_snapshot_is_of_one_moment(tmp_path: Path) -> None:
    writer, reader = Store(tmp_path, writer=True), Store(tmp_path, writer=False)
    with reader.snapshot():
        assert seqs(reader) == []
        with writer.transaction() as connection:
            connection.execute(CHECKPOINT, (0, 7))
        assert seqs(reader) == []
    assert seqs(reader) == [7]
    reader.close()
    writer.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    Store(tmp_path, writer=True).close()
    reader = Store(tmp_path, writer=False)
    with (
        pytest.raises(DeliveryError, match="attempt to write a readonly database"),
        reader.transaction() as connection,
    ):
        connection.execute(CHECKPOINT, (0, 7))
    reader.close()


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=r"the home cannot be opened: .*\n  at .*log.db"):
        Store(tmp_path, writer=False)
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_just_being_made_holds_nothing_to_read(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "log.db").close()
    (tmp_path / "log.db").touch()
    with pytest.raises(
        NotConfigured, match=r"nothing to read in .*\n  the home is just being made"
    ):
        Store(tmp_path, writer=False)
    Store(tmp_path, writer=True).close()
    Store(tmp_path, writer=False).close()


@pytest.mark.parametrize("writer", [True, False])
@pytest.mark.fault("F37")
def test_a_home_of_another_version_is_refused(tmp_path: Path, writer: bool) -> None:
    Store(tmp_path, writer=True).close()
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(HomeError, match="the home has version 99, this Tailrace reads version 6"):
        Store(tmp_path, writer=writer)


@pytest.mark.parametrize("writer", [True, False])
def test_a_file_that_is_no_database_is_a_home_error(tmp_path: Path, writer: bool) -> None:
    (tmp_path / "log.db").write_bytes(b"no database at all, only text" * 100)
    with pytest.raises(HomeError, match="the home cannot be opened: file is not a database"):
        Store(tmp_path, writer=writer)


def test_a_file_in_the_place_of_the_home_is_a_home_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(HomeError, match="the home cannot be opened"):
        Store(tmp_path / "home", writer=True)
