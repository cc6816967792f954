"""A log.db is told apart from one that lay in its place before."""

from contextlib import closing
from pathlib import Path

from pipeline.store import Store, identity_of


def identity(home: Path) -> str:
    with closing(Store(home, writer=True)) as store:
        return identity_of(store)


def test_a_log_keeps_its_identity_and_a_new_one_has_another(tmp_path: Path) -> None:
    first = identity(tmp_path)
    assert (identity(tmp_path), len(first)) == (first, 32)
    for path in tmp_path.glob("log.db*"):
        path.unlink()
    assert identity(tmp_path) != first
