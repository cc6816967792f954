"""The salt of visitors: one a day, kept over a restart, gone for good with its day."""

import json
import stat
from pathlib import Path

import pytest

from pipeline.beacon import DAY_MS, Seen, visitor
from pipeline.deliver.files import Disk
from pipeline.errors import DeliveryError, HomeError
from pipeline.web.visitors import KEY_FILE, Visitors, visitors_of

NOON_MS = 1_795_608_000_000


def who(salt: bytes) -> str:
    return visitor(Seen(NOON_MS, "203.0.113.9", "curl/8.5.0"), salt)


def test_a_salt_is_of_a_day_and_outlasts_a_restart(tmp_path: Path) -> None:
    first = Visitors(tmp_path).salt(NOON_MS)
    again = Visitors(tmp_path)
    assert again.salt(NOON_MS + 3_600_000) == first
    assert who(again.salt(NOON_MS + DAY_MS)) != who(first)
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_nothing_of_a_day_before_is_left(tmp_path: Path) -> None:
    mine = Visitors(tmp_path)
    first = mine.salt(NOON_MS)
    assert first.hex() in (tmp_path / KEY_FILE).read_text("utf-8")
    mine.salt(NOON_MS + DAY_MS)
    assert first.hex() not in (tmp_path / KEY_FILE).read_text("utf-8")
    assert Visitors(tmp_path).salt(NOON_MS) != first


def test_a_clock_that_is_set_back_makes_no_others_but_one_that_was_far_ahead(
    tmp_path: Path,
) -> None:
    mine = Visitors(tmp_path)
    salt = mine.salt(NOON_MS)
    assert mine.salt(NOON_MS - DAY_MS) == salt
    ahead = mine.salt(NOON_MS + 900 * DAY_MS)
    assert mine.salt(NOON_MS) not in (salt, ahead)


@pytest.mark.parametrize(
    "content", [b"", b"x" * 32, b"\xff", b"[]", json.dumps({"day": 20782, "salt": "00"}).encode()]
)
def test_what_is_no_salt_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY_FILE).write_bytes(content)
    salt = Visitors(tmp_path).salt(NOON_MS)
    assert len(salt) == 32
    assert Visitors(tmp_path).salt(NOON_MS) == salt


class Full(Disk):
    """A disk that takes no more."""

    def rename(self, old: Path, new: Path) -> None:
        raise OSError(28, "No space left on device")


def test_a_salt_that_is_not_kept_is_not_used(tmp_path: Path) -> None:
    first = Visitors(tmp_path).salt(NOON_MS)
    full = Visitors(tmp_path, Full())
    assert full.salt(NOON_MS) == first
    with pytest.raises(DeliveryError):
        full.salt(NOON_MS + DAY_MS)
    assert Visitors(tmp_path).salt(NOON_MS) == first
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(HomeError, match="the salt of visitors cannot be read"):
        visitors_of(tmp_path, NOON_MS)
