"""An emulator that runs: started in a group of its own, and ended with all that it started."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.emulators import compose
from infra.emulators.kinds import HOST, LOOPBACK, Kind, check
from infra.surroundings import for_child
from pipeline.aws import LOCAL_REGION
from pipeline.aws import NOBODY as NOBODYS
from pipeline.errors import TailraceError, UsageError
from pipeline.targets import identify

START_S, END_S, LOOK_S = 90.0, 20.0, 0.2
LAST_PORT = 65_535
# Names that nobody has: an emulator asks for no others, and a person's own are not shown to it.
NOBODY = {
    "AWS_ACCESS_KEY_ID": NOBODYS,
    "AWS_SECRET_ACCESS_KEY": NOBODYS,
    "AWS_SESSION_TOKEN": "",
    "AWS_PROFILE": "",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_REGION": LOCAL_REGION,
    "AWS_DEFAULT_REGION": LOCAL_REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# Those that this process started: it has to ask how they ended, or they stay as zombies.
CHILDREN: "dict[int, subprocess.Popen[bytes]]" = {}


@dataclass(frozen=True, slots=True)
class Running:
    """An emulator at a port; `folder` holds its log and whatever else it writes.

    docker  it is a container of docker-compose.yml, and no process of ours
    """

    kind: str
    version: str
    pid: int
    port: int
    folder: str
    docker: bool = False

    @property
    def endpoint(self) -> str:
        """The address of all its services."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What it prints."""
        return Path(self.folder) / "log"

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a command whose AWS is this emulator."""
        return _as_nobody() | {"AWS_ENDPOINT_URL": self.endpoint} | more


def start(kind: Kind, folder: Path, port: int = 0, note_at: Path | None = None) -> Running:
    """Start an emulator in an empty folder, and come back when it answers; 0 for a free port.

    note_at  where it is noted at once: who is killed meanwhile leaves it running

    Raises TailraceError when it ends or stays silent, UsageError where the port is taken,
    NotConfigured where something that it needs is missing.
    """
    check(kind)
    port = _free(port, kind)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [str(kind.python), "-P", str(kind.program)]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 - a Python that make has installed, a file of ours
            command,
            env=_surroundings(kind.settings(port, folder)),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    CHILDREN[child.pid] = child
    running = Running(kind.name, kind.version, child.pid, port, str(folder))
    if note_at:
        note(running, note_at)
    try:
        _wait(kind, child, running)
    except BaseException:
        stop(running)
        raise
    return running


def start_docker(
    kind: Kind, folder: Path, port: int = compose.PORT, note_at: Path | None = None
) -> Running:
    """Start an emulator in a container. Raises as `start` does."""
    compose.check(kind)
    port = _free(port, kind)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    running = Running(kind.name, compose.up(port), 0, port, str(folder), docker=True)
    if note_at:
        note(running, note_at)
    return running


def stop(running: Running) -> None:
    """End it and all that it started."""
    if running.docker:
        compose.keep_log(running.log)
        compose.down()
        return
    for number, seconds in ((signal.SIGTERM, END_S), (signal.SIGKILL, END_S)):
        with suppress(ProcessLookupError):
            os.killpg(running.pid, number)
        if _ended(running.pid, seconds):
            break
    # What has left it behind, as Kinesis of LocalStack may.
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)


def note(running: Running, path: Path) -> None:
    """Keep for another command what runs where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(running)) + "\n", "utf-8")


def noted(path: Path) -> Running | None:
    """What another command has started and still runs, None for nothing."""
    if not path.is_file():
        return None
    running = Running(**json.loads(path.read_text("utf-8")))
    return running if _is_ours(running) else None


def tail(path: Path, lines: int = 20) -> str:
    """The end of a log; "" where there is none."""
    if not path.is_file():
        return ""
    return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:])


def _surroundings(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of an emulator, in which functions find their own modules alone."""
    kept = {name: text for name, text in _as_nobody().items() if name != "PYTHONPATH"}
    return kept | dict(settings)


def _as_nobody() -> dict[str, str]:
    kept = {name: text for name, text in for_child().items() if not name.startswith("AWS_")}
    return kept | {name: text for name, text in NOBODY.items() if text}


def _free(port: int, kind: Kind) -> int:
    """The port, or for 0 one that nobody has."""
    other = f'make local-up TARGET={kind.name} ARGS="--port 0"'
    if not 0 <= port <= LAST_PORT:
        raise UsageError(f"there is no port {port}", "--port", f"0 (any) to {LAST_PORT}")
    with closing(socket.socket()) as probe:
        # As emulators do: else a port is taken for a minute after the last one has left it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                what = f"port {port} cannot be had: {error.strerror}"
                raise UsageError(what, "", f"take any other: {other}") from error
            there = identify(f"http://{HOST}:{port}")
            who = f"by {there}" if there else ""
            end = "end what is there"
            if there:
                end = f"make local-down TARGET={there.name} in the folder it was started from"
            fix = f"{end}, or take any other: {other}"
            raise UsageError(f"port {port} is taken", who, fix) from error
        found: int = probe.getsockname()[1]
        return found


def _wait(kind: Kind, child: "subprocess.Popen[bytes]", running: Running) -> None:
    end = time.monotonic() + START_S
    while not (version := kind.told(running.port)):
        if child.poll() is not None:
            what = f"{kind.name} ended with {child.returncode} before it answered"
            raise TailraceError(what, str(running.log), tail(running.log))
        if time.monotonic() > end:
            what = f"{kind.name} has not answered for {START_S:.0f} s"
            raise TailraceError(what, str(running.log), tail(running.log))
        time.sleep(LOOK_S)
    if version != kind.version:
        fix = f"make build/venv-{kind.name}/bin/{kind.name}"
        raise TailraceError(f"{kind.name} is {version}, locked is {kind.version}", "", fix)


def _ended(pid: int, seconds: float) -> bool:
    end, child = time.monotonic() + seconds, CHILDREN.get(pid)
    while time.monotonic() < end:
        if child is not None and child.poll() is not None:
            return True
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(LOOK_S)
    return False


def _is_ours(running: Running) -> bool:
    """Whether the process is the one that was noted, and not another with its number."""
    if running.docker:
        return identify(running.endpoint) is not None
    ps = shutil.which("ps") or "ps"
    said = subprocess.run(  # noqa: S603 - a number that we noted
        [ps, "-ww", "-o", "command=", "-p", str(running.pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{running.kind}_host.py" in said.stdout
