"""What is kept is replaced by a newer whole document, and by nothing else."""

import os
from pathlib import Path

import pytest

from pipeline.deliver.caches import FileCache
from pipeline.errors import DeliveryError, InputError, UsageError
from pipeline.lookups import decoded, in_home, kept_in, of_home
from pipeline.lookups.renewal import renew
from tests.lookups.ranges import LATER, TOKEN, as_json, document, v4
from tests.lookups.server import serving

DAY_MS = 86_400_000


def test_what_is_fetched_is_kept_with_its_token_and_its_age(tmp_path: Path) -> None:
    cache = FileCache(in_home(tmp_path / "home"))
    with serving(as_json()) as served:
        done = renew(cache, served.url, 5 * DAY_MS)
    kept = kept_in(cache.path)
    assert kept == done.kept
    assert kept is not None
    assert (kept.token, kept.source, kept.etag, kept.count) == (TOKEN, served.url, '"one"', 519)
    assert kept.age_days(8 * DAY_MS + 1) == 3
    assert done.changed


def test_the_same_version_is_asked_for_by_its_tag_and_grows_no_older(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "ranges.json")
    with serving(as_json()) as served:
        renew(cache, served.url, 1)
        again = renew(cache, served.url, DAY_MS)
    assert served.asked == ["", '"one"']
    assert (again.changed, again.kept.fetched_ms, again.kept.checked_ms) == (False, 1, DAY_MS)


def test_a_tag_of_one_server_says_nothing_to_another(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "ranges.json")
    with serving(as_json()) as one, serving(as_json(syncToken=LATER)) as other:
        renew(cache, one.url, 1)
        assert renew(cache, other.url, 2).kept.token == LATER
        assert other.asked == [""]


def test_a_newer_version_takes_the_place_of_the_older(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "ranges.json")
    with serving(as_json()) as served:
        renew(cache, served.url, 1)
        served.content, served.etag = as_json(syncToken=LATER), '"two"'
        done = renew(cache, served.url, 2)
    assert (done.changed, done.kept.token, done.kept.etag) == (True, LATER, '"two"')
    assert [path.name for path in tmp_path.iterdir()] == ["ranges.json"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<html>go away</html>", "malformed"),
        (as_json()[:20_000], "truncated"),
        (as_json(syncToken="1"), r"they are older \(1\) than what is kept \(1764000000\)"),
        (as_json(syncToken=LATER, prefixes=[]), "it has 2 ranges"),
    ],
)
def test_what_is_broken_small_or_older_is_refused_and_the_old_one_stays(
    tmp_path: Path, content: bytes, why: str
) -> None:
    cache = FileCache(tmp_path / "ranges.json")
    with serving(as_json()) as served:
        renew(cache, served.url, 1)
        before = cache.path.read_bytes()
        served.content, served.etag = content, '"two"'
        with pytest.raises(InputError, match=why):
            renew(cache, served.url, 2)
    assert cache.path.read_bytes() == before


def test_a_list_that_lost_half_of_its_ranges_is_refused(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "ranges.json")
    twice = document()
    twice["prefixes"] += [
        {**each, "service": "GLOBALACCELERATOR"} for each in twice["prefixes"] for _ in "x"
    ]
    many = [f"2001:db8:{group:x}::/48" for group in range(600)]
    twice["ipv6_prefixes"] += [{**twice["ipv6_prefixes"][0], "ipv6_prefix": each} for each in many]
    with serving(as_json(**twice)) as served:
        renew(cache, served.url, 1)
        served.content, served.etag = as_json(syncToken=LATER), '"two"'
        with pytest.raises(InputError, match="they are 519 and 1,") as caught:
            renew(cache, served.url, 2)
    assert caught.value.fix == f"where they are right all the same, delete {cache.path} first"


def test_a_file_does_where_there_is_no_network(tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.write_bytes(as_json())
    done = renew(FileCache(tmp_path / "ranges.json"), str(given), 1)
    assert (done.kept.token, done.kept.source, done.kept.etag) == (TOKEN, str(given), "")


def test_a_file_whose_name_is_no_utf_8_is_kept_with_its_bytes_written_out(tmp_path: Path) -> None:
    given = tmp_path / os.fsdecode(b"b\xff.json")
    given.write_bytes(as_json())
    cache = FileCache(tmp_path / "ranges.json")
    done = renew(cache, str(given), 1)
    assert done.kept == kept_in(cache.path)
    assert done.kept.source == f"{tmp_path}/b\\xff.json"


@pytest.mark.parametrize(
    ("name", "why"), [("gone.json", "there is no such file"), (".", "this is a directory")]
)
def test_a_file_that_is_none_is_told(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        renew(FileCache(tmp_path / "ranges.json"), str(tmp_path / name), 1)


def test_what_is_kept_and_damaged_is_replaced(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "ranges.json")
    cache.path.write_bytes(b"{")
    with serving(as_json()) as served:
        assert renew(cache, served.url, 1).changed


def test_a_folder_that_takes_nothing_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    (tmp_path / "lookups").write_bytes(b"a file")
    given = tmp_path / "given.json"
    given.write_bytes(as_json())
    with pytest.raises(DeliveryError, match="cannot be written"):
        renew(FileCache(in_home(tmp_path)), str(given), 1)
    assert (tmp_path / "lookups").read_bytes() == b"a file"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "truncated"),
        (b'{"token": "1"}', "missing required field"),
        (
            b'{"token":"1","created":"2026-11-24T16:00:00Z","source":"","etag":"","fetched_ms":1,'
            b'"checked_ms":1,"prefixes":{"S3":["nowhere"]}}',
            "does not appear to be",
        ),
    ],
)
def test_what_cannot_be_used_is_none_and_told(tmp_path: Path, content: bytes, why: str) -> None:
    path = in_home(tmp_path)
    path.parent.mkdir()
    path.write_bytes(content)
    found = of_home(tmp_path)
    assert found.empty
    assert why in found.note
    assert "tailrace lookups refresh" in found.note


def test_a_home_without_any_says_nothing_about_it(tmp_path: Path) -> None:
    found = of_home(tmp_path)
    assert (found.empty, found.note, found.told) == (True, "", "none were fetched")


def test_more_than_was_ever_kept_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="longer than 16,777,216 bytes"):
        decoded(b" " * ((16 << 20) + 1), "here")


def test_what_could_not_be_read_back_takes_no_place(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "ranges.json")
    with serving(as_json()) as served:
        renew(cache, served.url, 1)
        before = cache.path.read_bytes()
        many = document()["prefixes"]
        many += [v4(f"198.18.{n // 256}.{n % 256}/32", f"SERVICE{n}") for n in range(1_100)]
        served.content, served.etag = as_json(syncToken=LATER, prefixes=many), '"two"'
        with pytest.raises(InputError, match="they would not be read back"):
            renew(cache, served.url, 2)
    assert cache.path.read_bytes() == before
