"""LocalStack in a container, where somebody has Docker and asks for it: docker-compose.yml."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.emulators.kinds import HOST, LOCALSTACK, ROOT, Kind
from infra.surroundings import for_child, said
from pipeline.errors import NotConfigured, TailraceError, UsageError
from pipeline.targets import identify

FILE = ROOT / "docker-compose.yml"
PORT = 4566
# From here on versions are dates, and want an account.
WITH_ACCOUNT = "20"
INSTALL = "install it: https://docs.docker.com/compose/install/; or leave out DOCKER=1"


def check(kind: Kind) -> None:
    """Raise UsageError for what has no container here, NotConfigured where Docker is missing."""
    if kind is not LOCALSTACK:
        raise UsageError(f"{kind.name} needs no Docker", "DOCKER=1", "leave out DOCKER=1")
    version = said("LOCALSTACK_VERSION")
    if version.startswith(WITH_ACCOUNT) and not said("LOCALSTACK_AUTH_TOKEN"):
        fix = "set LOCALSTACK_AUTH_TOKEN, or unset LOCALSTACK_VERSION"
        raise NotConfigured(f"LocalStack {version} starts only with an account", "", fix)
    if not shutil.which("docker"):
        raise NotConfigured("Docker is not installed", "", INSTALL)
    if _run(["docker", "compose", "version"]).returncode:
        raise NotConfigured("Docker has no compose", "", INSTALL)
    if _run(["docker", "info"]).returncode:
        fix = "start it: sudo systemctl start docker, or Docker Desktop; or leave out DOCKER=1"
        raise NotConfigured("Docker does not run", "", fix)


def up(port: int) -> str:
    """Start the container, and come back with its version when it is healthy."""
    ran = _run(_compose("up", "--detach", "--wait"), LOCALSTACK_PORT=str(port))
    found = identify(f"http://{HOST}:{port}")
    if ran.returncode or found is None:
        down()
        raise TailraceError("LocalStack's container did not start", str(FILE), ran.stderr.strip())
    return found.version


def down() -> None:
    """End and remove the container; what Kinesis was installed from is kept."""
    _run(_compose("down"))


def keep_log(path: Path) -> None:
    """Write what the container has printed to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_run(_compose("logs", "--no-color")).stdout, "utf-8")


def _compose(*words: str) -> list[str]:
    return ["docker", "compose", "--file", str(FILE), "--profile", LOCALSTACK.name, *words]


def _run(words: Sequence[str], **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - words of ours
        words, env=for_child(**more), capture_output=True, text=True, check=False
    )
