"""Trees and zips that are the same bytes each time: names in order, one time, one mode."""

import os
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from infra.artifacts.slim import files

# The first moment that a zip can tell.
MOMENT = (1980, 1, 1, 0, 0, 0)
MOMENT_S = 315_532_800
MODE = 0o644  # Lambda reads as another user than the one who built
REGULAR = 0o100000
CACHES = frozenset({"__pycache__", ".DS_Store"})


def copy_tree(source: Path, into: Path) -> None:
    """Copy the files of a folder, caches apart; links become what they point to."""
    for path in files(source):
        if not CACHES & set(path.parts) and path.suffix != ".pyc":
            copy_file(path, into / path.relative_to(source))


def copy_file(source: Path, target: Path) -> None:
    """Copy one file, with the time and mode that all files of an artifact have."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    target.chmod(MODE)
    os.utime(target, (MOMENT_S, MOMENT_S))


def zip_tree(tree: Path, archive: Path) -> None:
    """Write a zip of a tree: the same bytes for the same files, with the same zlib."""
    with ZipFile(archive, "w", ZIP_DEFLATED, compresslevel=6) as made:
        for name, content in _contents(tree):
            info = ZipInfo(name, MOMENT)
            info.external_attr = (REGULAR | MODE) << 16
            info.create_system = 3  # Unix, whose modes these are
            info.compress_type = ZIP_DEFLATED
            made.writestr(info, content)


def size(tree: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in files(tree))


def _contents(tree: Path) -> Iterable[tuple[str, bytes]]:
    named = sorted((path.relative_to(tree).as_posix(), path) for path in files(tree))
    return ((name, path.read_bytes()) for name, path in named)
