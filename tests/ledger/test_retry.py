"""The same file with another format: what was refused is tried again, rows stand."""

import base64
import gzip
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DeliveryError, InputError
from pipeline.home import retry, writing
from pipeline.settings import Limits
from pipeline.stream.scan import scan
from tests.carriers import envelope, log_events
from tests.homes import Ran, ask, call, edit, files_under, flow, flows, lake_files, numbers, written
from tests.model import flow_line
from tests.processed import context

FIVE = "${bytes} ${srcaddr} ${dstaddr} ${start} ${end}"
SIX = "${bytes} ${srcaddr} ${dstaddr} ${packets} ${start} ${end}"
FIVE_LINES = b"".join(b"%d 10.0.0.1 10.0.0.2 1418530010 1418530070\n" % n for n in (11, 12))
SIX_LINES = b"".join(b"%d 10.0.0.1 10.0.0.2 9 1418530010 1418530070\n" % n for n in (21, 22, 23))


OTHERS: dict[str, tuple[bytes, ...]] = {"first.log": (), "last.log": (flow(14),)}


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return scan(file, str(path), Limits()).digest


def ingest(home: Path, path: Path, *words: str) -> Ran:
    return call("ingest", "vpc-flow", path, "--home", home, *words)


def balance(home: Path) -> tuple[int, int, int]:
    """(events in, rows, rejected) of a home that balances."""
    ran = call("audit", "--json", "--home", home)
    found: dict[str, Any] = json.loads(ran.out)
    assert (ran.code, found["findings"]) == (0, [])
    (hour,) = found["hours"]
    return hour["events_in"], hour["rows"], hour["rejected"]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return written(tmp_path / "mixed.log", flow(1), FIVE_LINES, SIX_LINES, b"nothing\n", flow(2))


def test_several_formats_in_turn_bring_in_what_each_can_read(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    assert (numbers(home), balance(home)) == ([1, 2], (8, 2, 6))
    ingest(home, mixed, "--format", FIVE)
    assert (numbers(home), balance(home)) == ([1, 2, 11, 12], (8, 4, 4))
    ingest(home, mixed, "--format", SIX)
    assert (numbers(home), balance(home)) == ([1, 2, 11, 12, 21, 22, 23], (8, 7, 1))
    ingest(home, mixed, "--format", FIVE)
    ingest(home, mixed)
    assert (numbers(home), balance(home)) == ([1, 2, 11, 12, 21, 22, 23], (8, 7, 1))


@pytest.mark.parametrize("folded", [(0,), (1,), (0, 1), (0, 1, 2)])
def test_lines_tried_again_around_compactions_are_right_at_once(
    tmp_path: Path, mixed: Path, folded: tuple[int, ...]
) -> None:
    home = tmp_path / "home"
    steps: tuple[tuple[tuple[str, ...], tuple[int, int, int], list[int]], ...] = (
        ((), (8, 2, 6), [1, 2]),
        (("--format", FIVE), (8, 4, 4), [1, 2, 11, 12]),
        (("--format", SIX), (8, 7, 1), [1, 2, 11, 12, 21, 22, 23]),
    )
    for number, (words, sums, found) in enumerate(steps):
        ingest(home, mixed, *words)
        for again in range(3):
            assert (numbers(home), balance(home)) == (found, sums)
            assert ask(home, "select count(*) from reject", "reject") == [(sums[2],)]
            assert ask(home, "select rows, rejected from batch", "batch") == [sums[1:]]
            if again == 0 and number in folded:
                assert call("compact", "--home", home).code == 0
            if again == 1:
                edit(home, "delete from lake_file")
                assert call("doctor", "--rebuild", "--home", home).code == 0


@pytest.mark.fault("F27")
def test_the_same_format_twice_changes_nothing(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    first = ingest(home, mixed, "--format", FIVE)
    assert "2 of its refused lines became rows, 4 are still refused\n" in first.err
    assert "rows=2 rejected=0 dropped=0 in " in first.err
    before = files_under(home / "lake")
    second = ingest(home, mixed, "--format", FIVE)
    assert f"{mixed} was ingested before: nothing new, 4 are still refused\n" in second.err
    assert files_under(home / "lake") == before


def test_several_candidates_at_once_bring_in_all_they_can_read(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    ingest(home, mixed, "--format", FIVE, "--format", SIX)
    assert (numbers(home), balance(home)) == ([1, 2, 11, 12, 21, 22, 23], (8, 7, 1))


def test_a_file_of_which_nothing_was_a_row_is_read_whole(tmp_path: Path) -> None:
    home, path = tmp_path / "home", written(tmp_path / "five.log", FIVE_LINES)
    refused = ingest(home, path)
    assert "warning: most lines do not fit the declared format" in refused.err
    assert balance(home) == (2, 0, 2)
    ingest(home, path, "--format", FIVE)
    assert (numbers(home), balance(home)) == ([11, 12], (2, 2, 0))


def test_lines_that_are_mended_have_the_identity_they_always_had(
    tmp_path: Path, mixed: Path
) -> None:
    ids = "select record_id, event_time, bytes from vpc_flow order by record_id"
    at_once, in_turn = tmp_path / "a", tmp_path / "b"
    ingest(at_once, mixed, "--format", FIVE)
    ingest(in_turn, mixed, "--format", SIX)
    ingest(in_turn, mixed, "--format", FIVE)
    assert set(ask(at_once, ids)) < set(ask(in_turn, ids))


def test_mended_rows_keep_the_hour_that_their_file_came_in(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    arrived = ask(home, "select distinct ingest_time from vpc_flow")
    ingest(home, mixed, "--format", FIVE)
    assert ask(home, "select distinct ingest_time from vpc_flow") == arrived
    assert len({path.parent for path in lake_files(home)}) == 1


def test_refused_events_of_an_envelope_are_mended_as_that_event(tmp_path: Path) -> None:
    home = tmp_path / "home"
    messages = [flow(1)[:-1].decode(), FIVE_LINES.split(b"\n")[0].decode()]
    path = written(tmp_path / "envelope.json", envelope(log_events(messages)))
    ingest(home, path)
    ingest(home, path, "--format", FIVE)
    found = ask(home, "select bytes, record_id, log_group from vpc_flow order by bytes")
    assert [(row[0], row[2]) for row in found] == [(1, "flow-logs"), (11, "flow-logs")]
    assert found[1][1] - found[0][1] == 1
    assert balance(home) == (2, 2, 0)


@pytest.mark.fault("F27")
def test_the_object_stays_and_the_audit_still_looks_at_it(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    before = files_under(home / "quarantine")
    ingest(home, mixed, "--format", FIVE)
    assert files_under(home / "quarantine") == before
    (home / "quarantine" / before[0]).unlink()
    assert call("audit", "--home", home).code == 1


@pytest.mark.fault("F27")
def test_a_damaged_object_ends_with_its_name(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    (name,) = files_under(home / "quarantine")
    for content in (b"", b"no gzip", (home / "quarantine" / name).read_bytes()[:-9]):
        (home / "quarantine" / name).write_bytes(content)
        ran = ingest(home, mixed, "--format", FIVE)
        assert ran.code == 1
        assert ran.err.startswith("error: a quarantine object cannot be read: ")
        assert name in ran.err


@pytest.mark.fault("F27")
def test_a_pipe_in_the_place_of_an_object_is_not_waited_for(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    (name,) = files_under(home / "quarantine")
    (home / "quarantine" / name).unlink()
    os.mkfifo(home / "quarantine" / name)
    ran = ingest(home, mixed, "--format", FIVE)
    assert ran.code == 1
    assert "a quarantine object cannot be read: it is no regular file" in ran.err


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (gzip.compress(bytes(3 << 20)), "it inflates to more than 1048576 bytes"),
        (gzip.compress(b"{}")[:10] + b"\xff" * 20, "Error -3 while decompressing"),
        (gzip.compress(b"{}")[:-3], "ended before the end"),
        (gzip.compress(b"{}") + gzip.compress(b"{}"), "more follows behind its gzip"),
        (gzip.compress(b"{}"), "missing required field"),
        (gzip.compress(b'{"x":' + b"[" * 100_000), "maximum recursion depth exceeded"),
    ],
    ids=["bomb", "damaged", "truncated", "two members", "no fields", "deep"],
)
def test_an_object_replaced_with_its_digest_ends_with_its_name(
    tmp_path: Path, mixed: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, why: str
) -> None:
    monkeypatch.setattr("pipeline.ledger.retry.OBJECT_BYTES", 1 << 20)
    home = tmp_path / "home"
    ingest(home, mixed)
    (name,) = files_under(home / "quarantine")
    (home / "quarantine" / name).write_bytes(content)
    edit(home, f"update quarantine_object set digest = '{sha256(content).hexdigest()}'")  # noqa: S608
    ran = ingest(home, mixed, "--format", FIVE)
    assert ran.code == 1
    first, where, fix = ran.err.splitlines()[-3:]
    assert first.startswith("error: a quarantine object cannot be read: ")
    assert why in first
    assert name in where
    assert "tailrace audit" in fix


@pytest.mark.fault("F27")
def test_an_object_of_another_content_is_not_read(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    (name,) = files_under(home / "quarantine")
    path = home / "quarantine" / name
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())))
    ran = ingest(home, mixed, "--format", FIVE)
    assert ran.code == 1
    assert "cannot be read: its content is not what was kept" in ran.err


@pytest.mark.fault("F18", "F27")
def test_what_was_mended_stands_when_the_checkpoint_is_set_back(
    tmp_path: Path, mixed: Path
) -> None:
    home = tmp_path / "home"
    first, last = (written(tmp_path / name, *more, flow(9)) for name, more in OTHERS.items())
    ingest(home, first)
    ingest(home, mixed)
    ingest(home, mixed, "--format", FIVE)
    before = balance(home)
    edit(home, "update checkpoint set seq = 0")
    ingest(home, last)
    assert balance(home) == (before[0] + 2, before[1] + 2, before[2])
    assert numbers(home) == [1, 2, 9, 9, 11, 12, 14]
    ingest(home, mixed, "--format", SIX)
    assert numbers(home) == [1, 2, 9, 9, 11, 12, 14, 21, 22, 23]
    assert balance(home) == (before[0] + 2, before[1] + 5, before[2] - 3)


@pytest.mark.fault("F7", "F27")
def test_a_crash_before_the_commit_is_mended_by_the_next_try(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    edit(
        home,
        "create trigger full before insert on lake_file begin select raise(abort, 'crash'); end",
    )
    digest = digest_of(mixed)
    with (
        writing(home, context()) as opened,
        pytest.raises(DeliveryError, match=r"log\.db cannot be written: crash"),
    ):
        retry(opened, "vpc-flow", digest, (FIVE,))
    assert len(lake_files(home)) == 2  # written, and known to nobody
    assert numbers(home) == [1, 2]
    edit(home, "drop trigger full")
    with writing(home, context()) as opened:
        assert retry(opened, "vpc-flow", digest, (FIVE,)) == 2
        assert retry(opened, "vpc-flow", digest, (FIVE,)) == 0
    assert (numbers(home), balance(home)) == ([1, 2, 11, 12], (8, 4, 4))


def test_a_file_nobody_knows_has_nothing_to_try_again(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        assert retry(opened, "vpc-flow", "0f1e", (FIVE,)) == 0


def test_a_missing_object_is_an_input_error(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    (name,) = files_under(home / "quarantine")
    (home / "quarantine" / name).unlink()
    with (
        writing(home, context()) as opened,
        pytest.raises(InputError, match=r"a quarantine object cannot be read: .*No such file"),
    ):
        retry(opened, "vpc-flow", digest_of(mixed), (FIVE,))


def test_lines_of_several_slices_are_mended_in_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_LIMITS_SLICE_BYTES", "1")
    home = tmp_path / "home"
    path = written(tmp_path / "a.log", *((flows(n) + FIVE_LINES) for n in range(9_000)))
    ingest(home, path)
    assert balance(home) == (27_000, 9_000, 18_000)
    assert len(files_under(home / "quarantine")) > 1
    ingest(home, path, "--format", FIVE)
    assert balance(home) == (27_000, 27_000, 0)
    assert ask(home, "select count(*), sum(bytes) from vpc_flow") == [
        (27_000, 9_000 * 8_999 // 2 + 9_000 * 23)
    ]


def test_a_wrong_format_and_then_none_reads_the_default(tmp_path: Path) -> None:
    home, path = tmp_path / "home", written(tmp_path / "a.log", flow(1), flow(2))
    assert "rejected=2" in ingest(home, path, "--format", FIVE).err
    assert "2 of its refused lines became rows" in ingest(home, path).err
    assert (numbers(home), balance(home)) == ([1, 2], (2, 2, 0))


def test_a_format_mended_in_the_settings_is_tried_like_one_given(tmp_path: Path) -> None:
    home, path = tmp_path / "home", written(tmp_path / "a.log", FIVE_LINES)
    settings = written(tmp_path / "t.toml", b'[formats]\n"g" = "${srcaddr} ${end}"\n')
    words = ("--log-group", "g", "--config", str(settings))
    assert "rejected=2" in ingest(home, path, *words).err
    written(settings, f'[formats]\n"g" = "{FIVE}"\n'.encode())
    assert "2 of its refused lines became rows" in ingest(home, path, *words).err
    assert (numbers(home), balance(home)) == ([11, 12], (2, 2, 0))


def test_a_header_of_an_earlier_slice_still_wins(tmp_path: Path) -> None:
    home = tmp_path / "home"
    bad = b"10.0.0.1 10.0.0.2 70000 10 1418530070\n"
    path = written(tmp_path / "a.log", b"srcaddr dstaddr dstport bytes end\n" + bad)
    settings = written(tmp_path / "t.toml", b"[limits]\nslice_bytes = 1\n")
    words = ("--config", str(settings))
    assert "rejected=1" in ingest(home, path, *words).err
    again = ingest(home, path, *words, "--format", "srcaddr dstaddr bytes packets end")
    assert "nothing new, 1 is still refused" in again.err
    assert balance(home) == (2, 0, 1)


def test_a_record_that_can_be_opened_later_counts_its_lines(tmp_path: Path) -> None:
    home = tmp_path / "home"
    packed = base64.b64encode(gzip.compress(flows(*range(9_000))))
    path = written(tmp_path / "a.log", packed)
    narrow = written(tmp_path / "t.toml", b"[limits]\nratio_from_bytes = 1\ninflate_ratio = 2\n")
    assert "rejected=1" in ingest(home, path, "--config", str(narrow)).err
    assert balance(home) == (1, 0, 1)
    again = ingest(home, path, "--format", " ".join(flow_line.VPC_DEFAULT))
    assert "9,000 of its refused lines became rows" in again.err
    assert balance(home) == (9_000, 9_000, 0)
    assert ask(home, "select count(*) from reject", "reject") == [(0,)]


def test_resolved_lines_leave_the_views_of_the_pipeline(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    ingest(home, mixed)
    ingest(home, mixed, "--format", FIVE)
    assert ask(home, "select count(*) from reject", "reject") == [(4,)]
    assert ask(home, "select rows, rejected, attempt from batch", "batch") == [(4, 4, 1)]


def test_strict_says_what_is_still_refused_of_a_known_file(tmp_path: Path, mixed: Path) -> None:
    home = tmp_path / "home"
    assert [ingest(home, mixed, "--strict").code for _ in range(2)] == [1, 1]
