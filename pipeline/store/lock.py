"""The lock of a home: held by the one process that writes, and asked by those who read."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO

from pipeline.errors import HomeError

LOCK = "writer.lock"
# A reader that asks who writes holds the lock for a moment.
LOCK_PATIENCE_S = 0.5
PID_CHARACTERS = 20


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Inside, this process is the one that writes to a home.

    Raises HomeError when another one is, naming its pid, and when the lock is no file.
    """
    # The lock is the kernel's: it ends with the process, however that dies.
    with _lock_file(folder) as file:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while not _taken(file):
            if time.monotonic() > deadline:
                raise HomeError(
                    f"another process writes to this home: pid {_pid(file)}",
                    f"at {folder.absolute()}",
                    "wait for it or end it, or choose another --home; reading commands work now",
                )
            time.sleep(LOCK_PATIENCE_S / 10)
        file.seek(0)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock_file(folder: Path) -> TextIO:
    try:
        return _opened_lock(folder / LOCK, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise HomeError(
            f"the home cannot be written: {error.strerror}",
            f"at {folder.absolute()}",
            "mend its permissions, or choose another with --home",
        ) from error


def _opened_lock(path: Path, flags: int) -> TextIO:
    # Without O_NONBLOCK a pipe in its place would be waited for, until somebody writes to it.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise HomeError(
            f"{LOCK} is no regular file", f"at {path}", "remove it, or choose another --home"
        )
    mode: Literal["r+", "r"] = "r+" if flags & os.O_RDWR else "r"
    return open(descriptor, mode, encoding="ascii", errors="replace")


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def writer_of(folder: Path) -> str | None:
    """Pid of the process that writes to a home now; None for nobody.

    Raises HomeError when the lock is no file.
    """
    try:
        with _opened_lock(folder / LOCK, os.O_RDONLY) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return _pid(file)
    except OSError:
        return None
    return None


def _pid(file: TextIO) -> str:
    file.seek(0)
    return file.read(PID_CHARACTERS).strip() or "unknown"
