"""Artifacts: the lock decides what is in, the target what it may be, and the bytes are the same."""

import platform
import re
import site
import sys
from pathlib import Path
from zipfile import ZipFile

import msgspec
import pytest

from infra.artifacts import elf
from infra.artifacts.archive import copy_tree, zip_tree
from infra.artifacts.build import ROOT, build_into, function_of, functions
from infra.artifacts.bytecode import compile_tree, is_unchecked
from infra.artifacts.check import file_findings, findings
from infra.artifacts.lock import Pinned, for_target
from infra.artifacts.slim import left_out, slim, unneeded
from infra.artifacts.target import ARCHITECTURES, Target
from infra.artifacts.trial import interpreter, tried
from pipeline.errors import TailraceError, UsageError
from tests.infra.compiled import AARCH64, X86_64, shared_object

ARM = Target("arm64")
LOCK = """\
# made by make
msgspec==0.22.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via tailrace
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:cc
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:dd
uvloop==0.22.1 ; platform_machine == 'x86_64' and sys_platform != 'win32' \\
    --hash=sha256:ee
"""
MSGSPEC = Pinned("msgspec", "0.22.0", ("sha256:aa", "sha256:bb"))
EXTENSION = "msgspec/_core.cpython-313-aarch64-linux-gnu.so"


def artifact(
    folder: Path, compiled: bytes, tag: str = "cp313-cp313-manylinux_2_28_aarch64"
) -> Path:
    """A tree with one distribution of the lock in it."""
    distribution = folder / "msgspec-0.22.0.dist-info"
    distribution.mkdir(parents=True)
    (distribution / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    metadata = "Metadata-Version: 2.1\nName: msgspec\nVersion: 0.22.0\nRequires-Python: >=3.10\n"
    (distribution / "METADATA").write_text(metadata)
    (folder / "msgspec").mkdir()
    (folder / EXTENSION).write_bytes(compiled)
    return folder


def test_the_lock_is_read_for_the_target_and_not_for_this_python() -> None:
    numpy = Pinned("numpy", "2.5.5", ("sha256:dd",))
    uvloop = Pinned("uvloop", "0.22.1", ("sha256:ee",))
    assert for_target(LOCK, ARM) == [MSGSPEC, numpy]
    assert for_target(LOCK, Target("x86_64")) == [MSGSPEC, numpy, uvloop]
    assert for_target(LOCK, Target("arm64", "3.11"))[1].version == "2.4.6"
    assert str(MSGSPEC) == "msgspec==0.22.0 --hash=sha256:aa --hash=sha256:bb"


@pytest.mark.parametrize(
    "line", ["msgspec==0.22.0", "msgspec>=0.22 --hash=sha256:aa", "msgspec==0.* --hash=sha256:aa"]
)
def test_a_requirement_without_version_or_hash_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="msgspec is not pinned"):
        for_target(line, ARM)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_lock_of_the_functions_names_each_distribution_once(architecture: str) -> None:
    text = (ROOT / "requirements" / "functions.txt").read_text("utf-8")
    names = [each.name for each in for_target(text, Target(architecture))]
    assert len(names) == len(set(names))
    assert {"pyarrow", "numpy", "msgspec", "aws-lambda-powertools"} <= set(names)
    assert not {"boto3", "pandas", "duckdb"} & set(names)


def test_an_elf_file_tells_its_processor_and_what_it_needs() -> None:
    content = shared_object(AARCH64, ["libc.so.6", "libm.so.6"], ["GLIBC_2.17", "GLIBC_2.9"], "lib")
    assert elf.parse(content) == elf.Elf(
        AARCH64, ("libc.so.6", "libm.so.6"), ("GLIBC_2.17", "GLIBC_2.9"), "lib"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="compiled files are ELF on Linux alone")
def test_a_compiled_module_of_this_environment_is_read() -> None:
    found = elf.read(Path(msgspec._core.__file__))
    assert found
    assert found.machine == {"x86_64": X86_64, "aarch64": AARCH64}[platform.machine()]
    assert "libc.so.6" in found.needed
    assert any(re.fullmatch(r"GLIBC_2\.\d+(\.\d+)?", version) for version in found.versions)


def test_a_file_of_another_kind_is_no_elf_file(tmp_path: Path) -> None:
    (tmp_path / "x.so").write_bytes(b"PK\3\4")
    assert elf.read(tmp_path / "x.so") is None


@pytest.mark.parametrize("length", [17, 63, 120, 200, 260])
def test_an_elf_file_that_is_cut_off_is_refused(length: int) -> None:
    whole = shared_object(X86_64, ["libc.so.6"], ["GLIBC_2.17"])
    with pytest.raises(ValueError, match="cut off"):
        elf.parse(whole[:length])


def test_an_elf_file_of_32_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="not of 64 bits"):
        elf.parse(b"\x7fELF\x01\x01" + bytes(100))


def test_a_good_artifact_has_no_findings(tmp_path: Path) -> None:
    good = shared_object(AARCH64, ["libc.so.6", "libstdc++.so.6"], ["GLIBC_2.34", "GLIBCXX_3.4.29"])
    assert findings(artifact(tmp_path / "x", good), [MSGSPEC], ARM) == []


@pytest.mark.parametrize(
    ("compiled", "said"),
    [
        (shared_object(X86_64), "e_machine is 62, not 183 (arm64)"),
        (shared_object(AARCH64, [], ["GLIBC_2.35"]), "needs GLIBC_2.35"),
        (shared_object(AARCH64, [], ["GLIBCXX_3.4.30"]), "needs GLIBCXX_3.4.30"),
        (shared_object(AARCH64, ["libssl.so.3"]), "needs libssl.so.3, which is neither in"),
        (shared_object(AARCH64)[:60], "cut off"),
    ],
)
def test_a_compiled_file_that_cannot_run_there_is_found(
    tmp_path: Path, compiled: bytes, said: str
) -> None:
    (found,) = findings(artifact(tmp_path / "x", compiled), [MSGSPEC], ARM)
    assert found.startswith(f"{EXTENSION}: ")
    assert said in found


@pytest.mark.parametrize(
    "tag",
    [
        "cp313-cp313-manylinux_2_28_x86_64",
        "cp312-cp312-manylinux_2_28_aarch64",
        "cp313-cp313-musllinux_1_2_aarch64",
        "cp313-cp313-manylinux_2_39_aarch64",
        "cp313-cp313t-manylinux_2_28_aarch64",
    ],
)
def test_a_wheel_for_something_else_is_found(tmp_path: Path, tag: str) -> None:
    tree = artifact(tmp_path / "x", shared_object(AARCH64), tag)
    assert findings(tree, [MSGSPEC], ARM) == [f"msgspec-0.22.0.dist-info: a wheel for {tag}"]


@pytest.mark.parametrize("tag", ["py3-none-any", "cp311-abi3-manylinux2014_aarch64"])
def test_a_wheel_for_any_python_that_serves_is_good(tmp_path: Path, tag: str) -> None:
    tree = artifact(tmp_path / "x", shared_object(AARCH64), tag)
    assert findings(tree, [MSGSPEC], ARM) == []


@pytest.mark.parametrize(
    ("pinned", "said"),
    [
        ([], "msgspec: the lock says nothing, the artifact has 0.22.0"),
        (
            [Pinned("msgspec", "0.21.0", ())],
            "msgspec: the lock says 0.21.0, the artifact has 0.22.0",
        ),
        (
            [MSGSPEC, Pinned("isal", "1.9.1", ())],
            "isal: the lock says 1.9.1, the artifact has nothing",
        ),
    ],
)
def test_an_artifact_that_is_not_the_lock_is_found(
    tmp_path: Path, pinned: list[Pinned], said: str
) -> None:
    assert findings(artifact(tmp_path / "x", shared_object(AARCH64)), pinned, ARM) == [said]


@pytest.mark.parametrize(("size", "found"), [(200_000_000, []), (200_000_001, ["200 MB unzipped"])])
def test_an_artifact_over_the_limit_is_found(tmp_path: Path, size: int, found: list[str]) -> None:
    tree = artifact(tmp_path / "x", shared_object(AARCH64))
    rest = size - sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    with (tree / "large").open("wb") as file:
        file.truncate(rest)
    assert [each.partition(",")[0] for each in findings(tree, [MSGSPEC], ARM)] == found


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("pyarrow/_flight.cpython-313-aarch64-linux-gnu.so", True),
        ("pyarrow/tests/data/parquet/x.parquet", True),
        ("numpy/_core/tests/test_array.py", True),
        ("numpy/_core/_umath_tests.cpython-313-aarch64-linux-gnu.so", True),
        ("numpy/random/lib/libnpyrandom.a", True),
        ("pyarrow/lib.pyx", True),
        ("pyarrow-25.0.1.dist-info/RECORD", True),
        ("bin/f2py", True),
        ("pyarrow/lib.cpython-313-aarch64-linux-gnu.so", False),
        ("numpy/_core/_multiarray_umath.cpython-313-aarch64-linux-gnu.so", False),
        ("numpy/testing/__init__.py", False),
        ("pyarrow-25.0.1.dist-info/METADATA", False),
        ("pyarrow-25.0.1.dist-info/licenses/LICENSE.txt", False),
    ],
)
def test_what_no_function_imports_is_left_out(name: str, out: bool) -> None:
    assert left_out(name) is out


def test_a_library_stays_only_if_a_module_needs_it() -> None:
    compiled = {
        Path("a/lib.cpython-313-x86_64-linux-gnu.so"): elf.Elf(62, ("libarrow.so.25",)),
        Path("a/libarrow.so.25"): elf.Elf(62, ("libparquet.so.25",)),
        Path("a/libparquet.so.25"): elf.Elf(62, ("libarrow.so.25", "libc.so.6")),
        Path("a/libarrow.so"): elf.Elf(62),
        Path("a/libarrow_flight.so.25"): elf.Elf(62, ("libarrow.so.25",)),
    }
    assert unneeded(compiled) == [Path("a/libarrow.so"), Path("a/libarrow_flight.so.25")]


def test_folders_of_which_nothing_is_left_go(tmp_path: Path) -> None:
    (tmp_path / "pyarrow" / "tests" / "deep").mkdir(parents=True)
    (tmp_path / "pyarrow" / "tests" / "deep" / "x.py").touch()
    (tmp_path / "pyarrow" / "csv.py").touch()
    slim(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["csv.py", "pyarrow"]


def test_the_same_files_make_the_same_zip(tmp_path: Path) -> None:
    for name, order in (("one", ("b.py", "a.py")), ("two", ("a.py", "b.py"))):
        for number, file in enumerate(order):
            path = tmp_path / name / "package" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"print({file!r})\n")
            path.chmod(0o600 if number else 0o755)
        (tmp_path / name / "package" / "__pycache__").mkdir()
        (tmp_path / name / "package" / "__pycache__" / f"{name}.pyc").touch()
        copy_tree(tmp_path / name, tmp_path / f"{name}-tree")
        zip_tree(tmp_path / f"{name}-tree", tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with ZipFile(tmp_path / "one.zip") as made:
        assert made.namelist() == ["package/a.py", "package/b.py"]
        assert {found.date_time for found in made.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {found.external_attr >> 16 & 0o777 for found in made.infolist()} == {0o644}


def test_compiled_python_is_the_same_bytes_and_not_looked_at_by_time(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        tree = tmp_path / name
        (tree / "pipeline").mkdir(parents=True)
        (tree / "pipeline" / "a.py").write_text("def total(rows):\n    return sum(rows)\n")
        (tree / "broken.py").write_text("no python\n")
        compile_tree(tree, sys.executable)
        (compiled,) = tree.rglob("*.pyc")
        assert is_unchecked(compiled)
        assert list(file_findings(tree)) == []
        found.append(compiled.read_bytes())
    assert found[0] == found[1]
    assert b"/var/task/pipeline/a.py" in found[0]
    stale = tmp_path / "one" / "stale.pyc"
    stale.write_bytes(bytes(16))
    assert list(file_findings(tmp_path / "one")) == [
        "stale.pyc: compiled Python that is looked at by the time of its source"
    ]


def test_functions_are_the_modules_of_their_folder(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    for name in ("log_etl", "views", "__init__", "_shared"):
        (tmp_path / "functions" / f"{name}.py").touch()
    assert functions(tmp_path) == ["log_etl", "views"]
    assert function_of("LogEtl", tmp_path) == function_of("log_etl", tmp_path) == "log_etl"
    with pytest.raises(UsageError, match="no function called LogEtls") as caught:
        function_of("LogEtls", tmp_path)
    assert caught.value.fix == "known: log_etl, views"


def test_a_project_without_functions_has_nothing_to_build(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no function to build"):
        functions(tmp_path)


def test_a_folder_that_holds_something_is_not_built_into(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(UsageError, match="is not empty"):
        build_into(ARM, "log_etl", tmp_path)
    assert (tmp_path / "precious").is_file()


def test_an_artifact_for_another_processor_is_not_tried_and_says_why() -> None:
    other = {"x86_64": "arm64", "aarch64": "x86_64", "arm64": "x86_64"}[platform.machine()]
    python, why = interpreter(Target(other))
    assert python is None
    assert why == f"this machine is {platform.system()} {platform.machine()}"


@pytest.mark.skipif(sys.platform != "linux", reason="artifacts are for Linux")
def test_an_artifact_for_a_python_that_is_not_here_is_not_tried_and_says_why() -> None:
    here = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    assert interpreter(Target(here, "3.99")) == (None, "no python3.99 here that runs")


@pytest.mark.slow
def test_a_trial_takes_nothing_but_the_artifact(tmp_path: Path) -> None:
    for installed in Path(site.getsitepackages()[0]).iterdir():
        (tmp_path / installed.name).symlink_to(installed)
    (tmp_path / "pipeline").symlink_to(ROOT / "pipeline")
    tried(tmp_path, sys.executable, ["pipeline.triggers"])
    (tmp_path / "pyarrow").unlink()
    with pytest.raises(TailraceError, match="the artifact does not work") as caught:
        tried(tmp_path, sys.executable, ["pipeline.triggers"])
    assert "No module named 'pyarrow'" in caught.value.fix


def test_sam_and_make_build_for_the_same_processor() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.findall(r"^ARCHITECTURE \?= (\w+)$", makefile, re.M) == [ARCHITECTURES[0]]


def test_the_environment_is_read_in_one_place() -> None:
    reading = [
        path.name
        for path in (ROOT / "infra").rglob("*.py")
        # What runs inside an emulator has the emulator's environment, and none of ours.
        if path.parent.name != "inside"
        and re.search(r"\bos\.(environ|getenv)", path.read_text("utf-8"))
    ]
    assert reading == ["surroundings.py"]
