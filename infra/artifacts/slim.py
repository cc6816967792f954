"""What no function imports is left out of the artifact.

First by name, then by need: a shared library stays only if something left in the artifact loads it.
Wheels cannot hold links, so pyarrow's has some libraries under three names.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from infra.artifacts import elf

# `*` also stands for slashes.
LEFT_OUT = (
    *("bin/*", ".lock"),
    # How it was installed, which differs by installer; the hashes of files that are not there.
    *("*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED"),
    *("*.dist-info/direct_url.json", "*.dist-info/uv_cache.json"),
    # To compile against.
    *("*.pyx", "*.pxd", "*.pxi", "*.pyi", "*.h", "*.hpp", "*.a", "*.c", "*.cc"),
    *("pyarrow/include/*", "pyarrow/includes/*", "pyarrow/src/*"),
    # Tests.
    *("pyarrow/tests/*", "pyarrow/conftest.py", "pyarrow/_pyarrow_cpp_tests.*"),
    *("numpy/tests/*", "numpy/*/tests/*", "numpy/conftest.py", "numpy/_core/_*_tests.*.so"),
    *("numpy/f2py/*", "numpy/_pyinstaller/*"),
    # Other protocols and formats than Parquet.
    *("pyarrow/_flight.*", "pyarrow/flight.py", "pyarrow/_substrait.*", "pyarrow/substrait.py"),
    *("pyarrow/_orc.*", "pyarrow/orc.py", "pyarrow/_dataset_orc.*", "pyarrow/cuda.py"),
    *("pyarrow/_feather.*", "pyarrow/feather.py", "pyarrow/jvm.py", "pyarrow/benchmark.py"),
    *("pyarrow/_parquet_encryption.*", "pyarrow/_dataset_parquet_encryption.*"),
    "pyarrow/parquet/encryption.py",
    # Arrow's own clients of object stores, which pyarrow.parquet loads where they are: 40 ms.
    *("pyarrow/_s3fs.*", "pyarrow/_gcsfs.*", "pyarrow/_azurefs.*", "pyarrow/_hdfs.*"),
)

# Of CPython, or of its stable interface: what an import loads. The rest is loaded by need.
EXTENSION = re.compile(r"\.(cpython-[\w-]+|abi3)\.so$")


def slim(tree: Path) -> None:
    """Take out of an installed folder what no function imports."""
    for path in sorted(tree.rglob("*")):
        if path.is_file() and left_out(path.relative_to(tree).as_posix()):
            path.unlink()
    compiled = {path: found for path in files(tree) if (found := elf.read(path))}
    for path in unneeded(compiled):
        path.unlink()
    _remove_empty(tree)


def left_out(name: str) -> bool:
    """Whether a file, named from the root of the artifact with slashes, is left out by name."""
    return any(fnmatchcase(name, pattern) for pattern in LEFT_OUT)


def unneeded(compiled: Mapping[Path, elf.Elf]) -> list[Path]:
    """Shared libraries that no extension module needs, also not by way of other libraries."""
    libraries = {path.name: path for path in compiled if not EXTENSION.search(path.name)}
    reached = set(compiled) - set(libraries.values())
    waiting = list(reached)
    while waiting:
        for name in compiled[waiting.pop()].needed:
            library = libraries.get(name)
            if library and library not in reached:
                reached.add(library)
                waiting.append(library)
    return sorted(set(compiled) - reached)


def files(tree: Path) -> Iterable[Path]:
    """All files of a folder, in the order of their names."""
    return sorted(path for path in tree.rglob("*") if path.is_file())


def _remove_empty(tree: Path) -> None:
    for folder in sorted((path for path in tree.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
