"""Trino's server on this machine: got through Maven once, made smaller, kept by version."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

# The newest that is published as a tarball.
VERSION = "476"
ARTIFACT = f"io.trino:trino-server:{VERSION}:tar.gz"
SHA1 = "c9b38be4017ebd2f7095455aaac772fb40247ebe"
JAVA = 24
PLUGINS = ("hive", "memory")
GET_S = 600
VERSION_S = 20
JVMS = Path("/usr/lib/jvm")


class UnavailableError(Exception):
    """Trino cannot be had on this machine; the text says why."""


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def java_home() -> Path:
    """A Java that Trino runs on: $JAVA_HOME, those under /usr/lib/jvm, `java` on PATH.

    Raises UnavailableError, naming those that were found.
    """
    found = {}
    for folder in _javas():
        version = _version_of(folder / "bin" / "java")
        if version >= JAVA:
            return folder
        found[str(folder)] = version
    seen = ", ".join(f"{folder} is {version}" for folder, version in found.items()) or "none"
    raise UnavailableError(f"Trino {VERSION} needs a Java of {JAVA} or newer; found: {seen}")


def _javas() -> Iterator[Path]:
    if named := os.environ.get("JAVA_HOME"):
        yield Path(named)
    if JVMS.is_dir():
        yield from (path for path in sorted(JVMS.iterdir()) if (path / "bin" / "java").is_file())
    if java := shutil.which("java"):
        yield Path(java).resolve().parents[1]


def _version_of(java: Path) -> int:
    """The feature version that a Java says it has; 0 when it says none."""
    try:
        said = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=VERSION_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', said.stderr + said.stdout)
    return int(found[1]) if found else 0


def cached_home() -> Path:
    """Where the unpacked server is kept, or will be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tailrace" / f"trino-{VERSION}"


def server_home() -> Path:
    """The unpacked server, from the cache or else from Maven.

    Raises UnavailableError when it cannot be got.
    """
    home = cached_home()
    if not home.is_dir():
        _install(home)
    say(f"trino {VERSION}: in {home}")
    return home


def _install(home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place: what is left half done is never taken for the whole.
    work = home.with_name(f"{home.name}.part-{os.getpid()}")
    try:
        work.mkdir()
        _unpack(_tarball(work), work)
        _slim(work / f"trino-server-{VERSION}")
        (work / f"trino-server-{VERSION}").rename(home)
    except OSError as error:
        raise UnavailableError(f"it cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _tarball(work: Path) -> Path:
    name = f"io/trino/trino-server/{VERSION}/trino-server-{VERSION}.tar.gz"
    known = Path.home() / ".m2" / "repository" / name
    if not known.is_file():
        known = work / "repository" / name
        _fetch(work / "repository")
    say("trino: checking the SHA-1 of the tarball")
    with known.open("rb") as file:
        digest = hashlib.file_digest(file, "sha1").hexdigest()
    if digest != SHA1:
        raise UnavailableError(f"the SHA-1 of {known} is {digest}, not {SHA1}")
    return known


def _fetch(repository: Path) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise UnavailableError("there is no mvn on PATH to get it with")
    say(f"trino: getting {ARTIFACT} through Maven (821 MB, once)")
    command = (
        *(maven, "-B", "-ntp", "-q", f"-Dmaven.repo.local={repository}"),
        *("dependency:get", f"-Dartifact={ARTIFACT}", "-Dtransitive=false"),
    )
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GET_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"Maven did not get it within {GET_S} s") from error
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise UnavailableError(f"Maven did not get it: {(lines or ['it said nothing'])[0]}")


def _unpack(tarball: Path, folder: Path) -> None:
    # All of it: files of the plugins are hard links to one another.
    say("trino: unpacking")
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")


def _slim(home: Path) -> None:
    """Leave the plugins that are used: 0.3 GB instead of 0.9."""
    keep = home / "keep"
    keep.mkdir()
    for name in PLUGINS:
        (home / "plugin" / name).rename(keep / name)
    for folder in ("plugin", "secrets-plugin"):
        shutil.rmtree(home / folder, ignore_errors=True)
    shutil.rmtree(keep / "hive" / "hdfs", ignore_errors=True)
    keep.rename(home / "plugin")
