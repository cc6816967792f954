"""tailrace lookups: what is kept is shown, fetched on request alone, and used from then on."""

import time
from pathlib import Path

import pytest

from pipeline.lookups import in_home
from tests.homes import ask, call, written
from tests.lookups.ranges import LATER, as_json
from tests.lookups.server import serving

HOUR_S = 3600


def flow(destination: str) -> bytes:
    end = int(time.time()) - HOUR_S
    words = f"2 111122223333 eni-1 10.0.1.5 {destination} 50000 443 6 10 4000 {end - 60} {end}"
    return f"{words} ACCEPT OK\n".encode()


def refreshed(home: Path, **changed: str) -> None:
    given = written(home.with_name("ranges.json"), as_json(**changed))
    assert call("lookups", "refresh", "--from", given, "--home", home).code == 0


def test_without_any_it_says_how_they_are_fetched(tmp_path: Path) -> None:
    ran = call("lookups", "--home", tmp_path)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.endswith("fetch them: tailrace lookups refresh\n")
    assert list(tmp_path.iterdir()) == []


def test_they_are_fetched_and_shown_with_token_age_and_number(tmp_path: Path) -> None:
    with serving(as_json()) as served:
        ran = call("lookups", "refresh", "--from", served.url, "--home", tmp_path)
        again = call("lookups", "refresh", "--from", served.url, "--home", tmp_path)
    assert (ran.code, ran.err, again.err) == (
        *(0, "AWS's address ranges are new\n"),
        "AWS's address ranges are those that were kept\n",
    )
    assert served.asked == ["", '"one"']
    shown = call("lookups", "--home", tmp_path)
    assert shown.out == again.out
    told = dict(line.split(None, 1) for line in shown.out.splitlines()[2:])
    assert (told["token"], told["published"]) == ("1764000000", "2026-11-24T16:00:00Z")
    assert (told["ranges"], told["from"]) == ("519 of 4 services", served.url)
    assert told["checked"].endswith("Z, less than a day ago")


def test_the_settings_say_where_they_are_fetched_from(tmp_path: Path) -> None:
    with serving(as_json()) as served:
        config = written(tmp_path / "t.toml", f'[lookups]\naws_ranges = "{served.url}"\n'.encode())
        assert call("lookups", "refresh", "--config", config, "--home", tmp_path).code == 0
    assert served.asked == [""]


def test_a_page_of_somebody_else_is_refused_and_the_old_ones_stay(tmp_path: Path) -> None:
    refreshed(home := tmp_path / "home")
    before = call("lookups", "--home", home).out
    with serving(b"<html>sign in\x1b[2J</html>") as served:
        ran = call("lookups", "refresh", "--from", served.url, "--home", home)
    assert ran.code == 1
    assert ran.err.startswith("error: the address ranges are refused")
    assert "\x1b" not in ran.err
    assert call("lookups", "--home", home).out == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("refresh", "--from", "http://ranges.example/x"), "without TLS is not believed"),
        (("refresh", "--from", "s3://b/x.json"), "\n  write it as https://host/path, or name a"),
        (("refresh", "--from", "ftp://a/x.json"), "\n  write it as https://host/path, or name a"),
        (("refresh", "--from", "gone.json"), "error: there is no such file\n  at gone.json\n"),
        (("refresh", "--from", "/"), "error: this is a directory\n  at /\n  name AWS's ip-ranges"),
        (("--from", "my ranges"), "\n  tailrace lookups refresh --from 'my ranges'\n"),
        (("forget",), "'forget' is not one of 'show', 'refresh'"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_why(
    tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    ran = call("lookups", *words, "--home", tmp_path)
    assert ran.code == 2
    assert why in ran.err


def test_rows_have_the_service_once_the_ranges_are_there(tmp_path: Path) -> None:
    home = tmp_path / "home"
    call("ingest", "vpc-flow", written(tmp_path / "before", flow("198.19.7.1")), "--home", home)
    refreshed(home)
    after = written(tmp_path / "after", flow("198.19.7.2") + flow("192.0.2.9"))
    assert call("ingest", "vpc-flow", after, "--home", home).code == 0
    found = ask(home, "select dstaddr, pkt_dst_aws_service from vpc_flow order by 1")
    assert found == [("192.0.2.9", None), ("198.19.7.1", None), ("198.19.7.2", "S3")]


def test_a_replay_by_other_ranges_adds_no_event(tmp_path: Path) -> None:
    home = tmp_path / "home"
    call("ingest", "vpc-flow", written(tmp_path / "a", flow("198.19.7.1")), "--home", home)
    refreshed(home)
    call("replay", "--since", "1d", "--home", home)
    found = ask(home, "select count(*), count(distinct record_id) from vpc_flow")
    assert found == [(1, 1)]
    assert call("audit", "--home", home).code == 0
    assert call("compact", "--home", home).code == 0
    assert ask(home, "select count(*) from vpc_flow") == [(1,)]


def test_damaged_ranges_are_told_and_hold_nothing_up(tmp_path: Path) -> None:
    refreshed(home := tmp_path / "home", syncToken=LATER)
    in_home(home).write_bytes(b"{")
    ran = call("ingest", "vpc-flow", written(tmp_path / "a", flow("198.19.7.1")), "--home", home)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("the address ranges that are kept are damaged")
    assert "rows=1 rejected=0" in ran.err
    ran = call("doctor", "--home", home)
    assert (ran.code, "✗ lookups   the address ranges that are kept" in ran.out) == (1, True)
    assert call("lookups", "--home", home).code == 1
    refreshed(home)
    assert call("doctor", "--home", home).code == 0


def test_the_doctor_tells_their_age_and_that_they_are_old(tmp_path: Path) -> None:
    assert "✓ lookups   no address ranges of AWS" in call("doctor", "--home", tmp_path).out
    refreshed(home := tmp_path / "home")
    doctor = call("doctor", "--home", home)
    assert "519 address ranges of AWS, checked less than a day ago\n" in doctor.out
    path = in_home(home)
    old_ms = int((time.time() - 8 * 86_400) * 1000)
    text = path.read_bytes()
    checked = text.partition(b'"checked_ms":')[2].partition(b",")[0]
    path.write_bytes(text.replace(checked, b"%d" % old_ms))
    ran = call("doctor", "--home", home)
    assert ran.code == 0
    assert "checked 8 days ago, which is old (fetch them: tailrace lookups refresh)" in ran.out
