"""Wheels of another platform into a folder: by uv where it is, else by pip."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.artifacts.lock import Pinned
from infra.artifacts.target import Target
from pipeline.errors import TailraceError


def install(pinned: Sequence[Pinned], target: Target, folder: Path, uv: str | None) -> None:
    """Put the wheels of a target into an empty folder; every file is held to its hash.

    Raises TailraceError when one cannot be had.
    """
    folder.mkdir(parents=True)
    requirements = folder.with_name(f"{folder.name}.txt")
    requirements.write_text("".join(f"{each}\n" for each in pinned), "utf-8")
    command = _uv(uv, target) if uv else _pip(target)
    command += ["--target", str(folder), "--requirement", str(requirements)]
    command += ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    ran = subprocess.run(command, check=False)  # noqa: S603 - ours, from declared targets
    if ran.returncode:
        where = f"for {target.architecture}, Python {target.python}"
        fix = "what the installer says above; the package index has to be within reach"
        raise TailraceError("the wheels of the lock could not be installed", where, fix)


def found_uv() -> str | None:
    """uv, where it is on the path."""
    return shutil.which("uv")


def _uv(uv: str, target: Target) -> list[str]:
    # Linked files would be uv's own cache, which everybody shares.
    command = [uv, "pip", "install", "--link-mode", "copy", "--python", sys.executable]
    platform = f"{target.machine}-manylinux_2_28"
    return [*command, "--python-version", target.python, "--python-platform", platform]


def _pip(target: Target) -> list[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
    command += ["--no-compile", "--implementation", "cp", "--python-version", target.python]
    # pip holds Requires-Python against the Python that runs it; check.py holds it to the target.
    command += ["--ignore-requires-python"]
    for abi in (f"cp{target.python.replace('.', '')}", "abi3", "none"):
        command += ["--abi", abi]
    for platform in target.platforms:
        command += ["--platform", platform]
    return command
