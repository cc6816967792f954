"""Files are whole or not there, whatever the disk does."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.deliver.files import sweep, write_whole
from pipeline.errors import DeliveryError
from tests.homes import files_under, written


def test_a_file_is_there_with_its_content_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.parquet"
    write_whole(path, lambda temporary: written(temporary, b"rows"))
    assert path.read_bytes() == b"rows"
    assert files_under(tmp_path) == ["a/b/file.parquet"]


def test_until_it_is_whole_a_file_is_hidden(tmp_path: Path) -> None:
    seen = []

    def write(temporary: Path) -> None:
        written(temporary, b"half")
        seen.extend(files_under(tmp_path))

    write_whole(tmp_path / "file.parquet", write)
    (name,) = seen
    assert name.startswith(".file.parquet.")
    assert name.endswith(".tmp")


@pytest.mark.fault("F20")
def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        written(temporary, b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(DeliveryError, match=r"No space left on device\n  at .*file.parquet\n"):
        write_whole(tmp_path / "file.parquet", write)
    assert files_under(tmp_path) == []


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """The system lets no file grow beyond this size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.fault("F25")
def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"old")
    with files_at_most(1_000), pytest.raises(DeliveryError, match="File too large"):
        write_whole(path, lambda temporary: written(temporary, bytes(2_000)))
    assert path.read_bytes() == b"old"
    assert files_under(tmp_path) == ["file"]


@pytest.mark.fault("F25")
@pytest.mark.parametrize("folder", ["/sys/kernel", "/proc"])
def test_a_read_only_folder_is_a_delivery_error(folder: str) -> None:
    if not Path(folder).is_dir():
        pytest.skip(f"this system has no {folder}")
    with pytest.raises(DeliveryError, match="a file cannot be written: "):
        write_whole(Path(folder) / "lake" / "file", lambda temporary: written(temporary, b""))
    with pytest.raises(DeliveryError, match="a file cannot be written: "):
        write_whole(Path(folder) / "file", lambda temporary: written(temporary, b""))


@pytest.mark.fault("F25")
def test_a_file_in_the_place_of_the_folder_is_a_delivery_error(tmp_path: Path) -> None:
    written(tmp_path / "lake", b"in the way")
    with pytest.raises(DeliveryError, match=r"a file cannot be written: .*\n  at .*/lake/a/b\n"):
        write_whole(tmp_path / "lake" / "a" / "b", lambda temporary: written(temporary, b""))
    assert files_under(tmp_path) == ["lake"]


@pytest.mark.fault("F25")
def test_a_folder_in_the_place_of_the_file_is_a_delivery_error(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(DeliveryError, match="a file cannot be written: "):
        write_whole(tmp_path / "file", lambda temporary: written(temporary, b""))
    assert files_under(tmp_path) == []


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in (".a.parquet.99.tmp", "b/.c.json.gz.7.tmp", "b/c.parquet", ".hidden", "d.tmp"):
        written(tmp_path / name)
    assert sweep(tmp_path) == 2
    assert files_under(tmp_path) == [".hidden", "b/c.parquet", "d.tmp"]
    assert sweep(tmp_path) == 0
    assert sweep(tmp_path / "no such folder") == 0
