"""The salt of the hashes of visitors at home: another one each day, and of one day only.

<home>/visitor.key  {"day": days since 1970, "salt": 32 bytes in hex}, for its owner alone to read

It is random, and the first view of another day writes over it. From then on nobody, whoever has
the home, can say which visitors of two days were the same, or try out which address one of a day
before was; whoever has kept copies of the file can.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from pipeline.beacon import DAY_MS, KEY_BYTES
from pipeline.deliver.files import DISK, Disk, write_whole
from pipeline.errors import DeliveryError, HomeError

KEY_FILE = "visitor.key"


class _Kept(msgspec.Struct):
    day: int
    salt: str


@dataclass(slots=True)
class Visitors:
    """The salt of a home that this process writes to; asked by one thread."""

    folder: Path
    disk: Disk = DISK
    _day: int = field(init=False, default=-1)
    _salt: bytes = field(init=False, default=b"")

    def salt(self, at_ms: int) -> bytes:
        """The salt of the day of a time.

        Raises HomeError where the file cannot be read, DeliveryError where it cannot be written.
        """
        day = at_ms // DAY_MS
        # A clock that is set back over midnight makes no other visitors of all.
        if day not in (self._day, self._day - 1):
            self._day, self._salt = self._read(day) or self._made(day)
        return self._salt

    def _read(self, day: int) -> tuple[int, bytes] | None:
        """What the file has, if that is of this day; of what is none in it nothing is wanted."""
        path = self.folder / KEY_FILE
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
            salt = bytes.fromhex(kept.salt)
        except FileNotFoundError:
            return None
        except OSError as error:
            what = f"the salt of visitors cannot be read: {error}"
            raise HomeError(what, f"at {path}", "mend the permissions of the home") from error
        except (msgspec.DecodeError, ValueError):
            return None
        return (kept.day, salt) if kept.day == day and len(salt) == KEY_BYTES else None

    def _made(self, day: int) -> tuple[int, bytes]:
        salt = secrets.token_bytes(KEY_BYTES)
        content = msgspec.json.encode(_Kept(day, salt.hex()))
        write_whole(self.folder / KEY_FILE, _private(content), self.disk)
        return day, salt


def visitors_of(folder: Path, now_ms: int) -> Visitors:
    """The salt of a home, made where there is none of today.

    Raises HomeError where it cannot be read or written.
    """
    made = Visitors(folder)
    try:
        made.salt(now_ms)
    except DeliveryError as error:
        raise HomeError(error.what, error.where, "mend the permissions of the home") from error
    return made


def _private(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)

    return write
