"""An emulator that runs: known by a mark in its environment, and ended with all that it started.

Whatever it starts has the mark too, in whichever group or session; no other process has it,
whatever its number or its name.
"""

import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from infra.emulators import compose
from infra.emulators.kinds import HOST, LOOPBACK, Kind, check
from infra.surroundings import for_child
from pipeline.aws import LOCAL_REGION
from pipeline.aws import NOBODY as NOBODYS
from pipeline.errors import TailraceError, UsageError
from pipeline.targets import LAST_PORT, identify

START_S, END_S, LOOK_S = 90.0, 20.0, 0.2
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

# Tools read one or the other; the first is the one that most of them prefer.
NO_PROXY = ("no_proxy", "NO_PROXY")

# What says whose a process is; its value is the emulator's folder.
MARK = "EMULATOR_OF"
PROCESSES = Path("/proc")

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


def start(kind: Kind, folder: Path, port: int = 0, noted_in: Path | None = None) -> Running:
    """Start an emulator in an empty folder, and come back when it answers; 0 for a free port.

    noted_in  where it is noted as soon as it is there, for whoever has to end it

    Raises TailraceError when it ends or stays silent, UsageError where the port is taken,
    NotConfigured where something that it needs is missing.
    """
    check(kind)
    port = _free(port, kind)
    _empty(folder)
    command = [str(kind.python), "-P", str(kind.program)]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 - a Python that make has installed, a file of ours
            command,
            env=_surroundings(kind.settings(port, folder)) | {MARK: str(folder)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    CHILDREN[child.pid] = child
    running = Running(kind.name, kind.version, child.pid, port, str(folder))
    try:
        if noted_in:
            note(running, noted_in)
        _wait(kind, child, running)
    except BaseException:
        stop(running)
        raise
    return running


def start_docker(
    kind: Kind, folder: Path, port: int = compose.PORT, noted_in: Path | None = None
) -> Running:
    """Start an emulator in a container. Raises as `start` does."""
    compose.check(kind)
    port = _free(port, kind)
    _empty(folder)
    running = Running(kind.name, compose.up(port), 0, port, str(folder), docker=True)
    if noted_in:
        note(running, noted_in)
    return running


def stop(running: Running) -> None:
    """End it and all that it started."""
    if running.docker:
        compose.keep_log(running.log)
        compose.down()
        return
    _kill(running, signal.SIGTERM)
    _until_ended(lambda: running.pid in _pids(running))
    # What does not end when it is asked to, and what has been left behind.
    _kill(running, signal.SIGKILL)
    _until_ended(lambda: bool(_pids(running)))


def note(running: Running, path: Path) -> None:
    """Keep for another command what runs where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A disk that is full leaves no half of it.
    path.with_suffix(".new").write_bytes(msgspec.json.encode(running) + b"\n")
    path.with_suffix(".new").replace(path)


def noted(path: Path) -> Running | None:
    """What another command has started and still runs, all of it or a part; None for nothing.

    Raises TailraceError for what is no note of ours.
    """
    if not path.is_file():
        return None
    try:
        running = msgspec.json.decode(path.read_bytes(), type=Running)
    except msgspec.DecodeError as error:
        fix = f"end what runs, if it does (ps -ef | grep _host.py), and delete {path.name}"
        raise TailraceError(
            f"the note of what runs cannot be read: {error}", str(path), fix
        ) from error
    there = identify(running.endpoint) is not None if running.docker else bool(_pids(running))
    return running if there else None


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Inside, no other command starts or ends the emulator that this lock is of.

    Raises TailraceError where one does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not waited for: it may be a pipe.
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            what = f"another command is starting or ending {path.stem}"
            raise TailraceError(what, f"at {path}", "wait for it, or end it with Ctrl-C") from error
        yield
    finally:
        os.close(lock)


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
    # A proxy that leads to the world leads no request to this machine, and must not see any.
    direct = [text for name in NO_PROXY if (text := kept.get(name))]
    kept |= dict.fromkeys(NO_PROXY, ",".join([*direct[:1], HOST, LOOPBACK]))
    return kept | {name: text for name, text in NOBODY.items() if text}


def _empty(folder: Path) -> None:
    """An empty folder in this place; what was there is gone, and what a link led to is not."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _free(port: int, kind: Kind) -> int:
    """The port, or for 0 one that nobody has."""
    other = f'make local-up TARGET={kind.name} ARGS="--port 0"'
    if not 0 <= port <= LAST_PORT:
        raise UsageError(f"there is no port {port}", "--port", f"0 (any) to {LAST_PORT}")
    with closing(socket.socket()) as probe:
        # As servers do: connections to the last one that had it are no hindrance.
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


def _kill(running: Running, number: int) -> None:
    for pid in _pids(running):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _until_ended(runs: Callable[[], bool]) -> None:
    end = time.monotonic() + END_S
    while runs() and time.monotonic() < end:
        time.sleep(LOOK_S)


def _pids(running: Running) -> set[int]:
    """Processes of an emulator that run; those of this process that have ended are buried."""
    for child in CHILDREN.values():
        child.poll()
    mark = f"{MARK}={running.folder}".encode()
    return {int(each.name) for each in PROCESSES.glob("[0-9]*") if mark in _environment(each)}


def _environment(process: Path) -> list[bytes]:
    """What a process was started with; nothing of one that has ended, or is another user's."""
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
