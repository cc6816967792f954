"""tailrace ingest: everything that comes can be asked when it ends, and only once."""

import gzip
import json
import signal
import subprocess
import time
from base64 import b64encode
from pathlib import Path

import pytest

from tests.carriers import control, envelope, gzipped, log_events, wrapped
from tests.homes import (
    COMMAND,
    Ran,
    ask,
    call,
    clean_environ,
    files_under,
    flow,
    flows,
    lake_files,
    numbers,
    piped,
    run,
    written,
)

TEXTS = [flow(n)[:-1].decode() for n in range(3)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def ingest(home: Path, *words: str | Path, source: str = "vpc-flow") -> Ran:
    return call("ingest", source, *words, "--home", home)


def last(ran: Ran) -> str:
    """The last line of stderr, without the time it took."""
    return ran.err.splitlines()[-1].partition(" in ")[0]


def reasons(home: Path) -> list[tuple[str, str]]:
    return ask(home, "select reason, detail from reject order by line", "reject")


def balanced(home: Path) -> bool:
    return call("audit", "--home", home).code == 0


def test_a_file_can_be_asked_when_it_ends(home: Path, tmp_path: Path) -> None:
    ran = ingest(home, written(tmp_path / "a", flows(1, 2), b"bad\n\n"))
    assert (ran.code, ran.out) == (0, "")
    assert last(ran) == "rows=2 rejected=1 dropped=1"
    assert numbers(home) == [1, 2]
    assert balanced(home)


def test_what_was_refused_is_pointed_to(home: Path, tmp_path: Path) -> None:
    ran = ingest(home, written(tmp_path / "a", b"bad\n"))
    assert "1 refused line kept: tailrace query rejects --since 1h\n" in ran.err


def test_strict_ends_with_one_when_a_line_is_refused(home: Path, tmp_path: Path) -> None:
    ran = ingest(home, written(tmp_path / "a", flow(1), b"bad\n"), "--strict")
    assert (ran.code, numbers(home)) == (1, [1])
    assert ingest(home, written(tmp_path / "b", flow(2)), "--strict").code == 0


def test_the_same_content_under_another_name_changes_nothing(home: Path, tmp_path: Path) -> None:
    ingest(home, written(tmp_path / "a.log", flows(1, 2)))
    before = files_under(home / "lake")
    for name, content in (("b.log", flows(1, 2)), ("c.log.gz", gzipped(flows(1, 2)))):
        ran = ingest(home, written(tmp_path / name, content))
        assert ran.code == 0
        assert f"{name} was ingested before (as {tmp_path / 'a.log'}): nothing new\n" in ran.err
        assert last(ran) == "rows=0 rejected=0 dropped=0"
    assert numbers(home) == [1, 2]
    assert files_under(home / "lake") == before


def test_the_same_file_named_twice_counts_once(home: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a", flow(1))
    assert last(ingest(home, path, path)) == "rows=1 rejected=0 dropped=0"
    assert numbers(home) == [1]


def test_equal_lines_of_a_file_are_events_of_their_own(home: Path, tmp_path: Path) -> None:
    ingest(home, written(tmp_path / "a", flows(1, 1, 1)))
    assert numbers(home) == [1, 1, 1]


CARRIERS = {
    "plain": flows(0, 1, 2),
    "unterminated": flows(0, 1, 2)[:-1],
    "gzip": gzipped(flows(0, 1, 2)),
    "two members": gzipped(flows(0, 1)) + gzipped(flow(2)),
    "base64 of gzip": b64encode(gzip.compress(flows(0, 1, 2))),
    "envelope": envelope(log_events(TEXTS)),
    "packed envelope": gzipped(envelope(log_events(TEXTS))),
    "envelope over lines": json.dumps(json.loads(envelope(log_events(TEXTS))), indent=1).encode(),
    "several envelopes": envelope(log_events(TEXTS)[:2]) + b"\n" + envelope(log_events(TEXTS)[2:]),
    "message lines": wrapped(TEXTS),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_a_file_is_told_by_its_content(home: Path, tmp_path: Path, name: str) -> None:
    ran = ingest(home, written(tmp_path / "any.name", CARRIERS[name]))
    assert (numbers(home), last(ran)) == ([0, 1, 2], "rows=3 rejected=0 dropped=0")
    assert balanced(home)


def test_an_event_keeps_its_identity_in_whatever_file_it_comes(home: Path, tmp_path: Path) -> None:
    for name in ("envelope", "packed envelope", "envelope over lines", "several envelopes"):
        ingest(home, written(tmp_path / name, CARRIERS[name]))
    assert numbers(home) == [0, 1, 2]
    assert ask(home, "select count(*) from vpc_flow_landing") == [(9,)]
    assert balanced(home)


def test_a_control_message_is_a_counted_drop(home: Path, tmp_path: Path) -> None:
    ran = ingest(home, written(tmp_path / "a", control(), b"\n", CARRIERS["envelope"]))
    assert last(ran) == "rows=3 rejected=0 dropped=1"
    assert ask(home, "select sum(dropped_control) from batch", "batch") == [(1,)]


def test_an_empty_file_is_said_to_be_empty(home: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a")
    ran = ingest(home, path)
    assert (ran.code, last(ran)) == (0, "rows=0 rejected=0 dropped=0")
    assert ran.err.startswith(f"{path} is empty\n")


def test_a_truncated_gzip_is_one_reject_that_names_the_byte(home: Path, tmp_path: Path) -> None:
    content = gzipped(flows(*range(1_000)))[:-20]
    ran = ingest(home, written(tmp_path / "a.gz", content), written(tmp_path / "b", flow(7)))
    assert (ran.code, last(ran)) == (0, "rows=1 rejected=1 dropped=0")
    assert numbers(home) == [7]
    assert reasons(home) == [("gzip_truncated", f"gzip breaks off at byte {len(content)}")]
    (name,) = files_under(home / "quarantine")
    kept = json.loads(gzip.decompress((home / "quarantine" / name).read_bytes()))
    assert kept["payload"] == b64encode(content).decode()
    assert balanced(home)


def test_a_header_may_stand_anywhere_in_a_file(home: Path, tmp_path: Path) -> None:
    narrow = b"srcaddr bytes end\n10.0.0.1 2 1418530070\n"
    ran = ingest(home, written(tmp_path / "a", flow(1), narrow))
    assert (numbers(home), last(ran)) == ([1, 2], "rows=2 rejected=0 dropped=1")


def test_formats_are_declared_by_log_group(home: Path, tmp_path: Path) -> None:
    config = written(tmp_path / "t.toml", b'[formats]\n"/vpc/x" = "${bytes} ${end}"\n')
    path = written(tmp_path / "a", b"5 1418530070\n")
    ran = ingest(home, path, "--log-group", "/vpc/x", "--config", config)
    assert last(ran) == "rows=1 rejected=0 dropped=0"
    assert ask(home, "select bytes, log_group from vpc_flow") == [(5, "/vpc/x")]


def test_a_format_without_a_time_is_refused_before_anything_is_read(
    home: Path, tmp_path: Path
) -> None:
    ran = ingest(home, written(tmp_path / "a", b"5\n"), "--format", "${bytes}")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: the format has no time, such as start or end\n")
    assert not home.exists()


def test_a_line_without_a_time_is_a_reject(home: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"5 -\n6 1418530070\n")
    ingest(home, path, "--format", "${bytes} ${end}")
    assert numbers(home) == [6]
    assert [reason for reason, _ in reasons(home)] == ["no_time"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["gone.log"], 2, "error: there is no such file\n  at gone.log\n"),
        (["s3://bucket/key"], 3, "error: s3://bucket/key needs the AWS part"),
        (["/"], 2, "error: this is no regular file\n  at /\n"),
        (["/dev/null", "--idempotency-key", "k"], 2, "error: this is no regular file"),
    ],
)
def test_an_input_that_cannot_be_is_refused_before_anything_is_read(
    home: Path, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    ran = ingest(home, written(tmp_path / "good", flow(1)), *words)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(says)
    assert ran.err.count("error:") == 1
    assert not home.exists()


def test_a_key_is_for_standard_input_alone(home: Path, tmp_path: Path) -> None:
    ran = ingest(home, written(tmp_path / "a", flow(1)), "--idempotency-key", "k")
    assert (ran.code, home.exists()) == (2, False)
    assert ran.err.startswith("error: --idempotency-key is for standard input\n")


def test_app_log_takes_no_format(home: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"up\n")
    ran = ingest(home, path, "--format", "${end}", source="app-log")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: app-log takes no format")


def test_standard_input_is_new_each_time(home: Path) -> None:
    for _ in range(2):
        assert run("ingest", "vpc-flow", "-", "--home", home, stdin=flows(1, 2)).code == 0
    assert numbers(home) == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("source", "lines", "table", "count"),
    [("vpc-flow", flows(1, 2), "vpc_flow", 2), ("app-log", b"up\ndown\nup\n", "app_log", 3)],
)
def test_standard_input_with_a_key_counts_once(
    home: Path, source: str, lines: bytes, table: str, count: int
) -> None:
    words = ["ingest", source, "--idempotency-key", "k", "--home", home]
    for _ in range(2):
        assert run(*words, stdin=lines).code == 0
    assert run(*words[:-3], "other", *words[-2:], stdin=lines).code == 0
    assert ask(home, f"select count(*) from {table}", table) == [(2 * count,)]  # noqa: S608 - own words
    assert ask(home, f"select count(*) from {table}_landing", table) == [(3 * count,)]  # noqa: S608 - own words
    assert balanced(home)


def test_what_came_before_a_break_in_standard_input_stands(home: Path) -> None:
    content = gzipped(flows(*range(2_000)))[:-20]
    ran = run("ingest", "vpc-flow", "-", "--home", home, stdin=content)
    kept = numbers(home)
    assert kept == list(range(len(kept)))
    assert len(kept) > 1_500
    assert last(ran) == f"rows={len(kept)} rejected=1 dropped=0"
    assert reasons(home) == [("gzip_truncated", f"gzip breaks off at byte {len(content)}")]
    assert balanced(home)


def test_an_interrupt_ends_with_130_and_what_was_accepted_stays(home: Path) -> None:
    with subprocess.Popen(
        [COMMAND, "ingest", "vpc-flow", "-", "--home", home],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environ(),
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(flows(1, 2))
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not lake_files(home):
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert b"Traceback" not in process.stderr.read()
    assert ingest(home, written(home / "more", flow(3))).code == 0
    assert numbers(home) == [1, 2, 3]
    assert balanced(home)


@pytest.mark.fault("F2")
def test_a_sink_that_fails_for_too_long_ends_with_one_and_keeps_what_it_took(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_LIMITS_SINK_PATIENCE_S", "1")
    path = written(tmp_path / "a", flow(1))
    obstacle = written(home / "lake", b"in the way")
    ran = ingest(home, path)
    assert ran.code == 1
    assert ran.err.startswith("error: a file cannot be written: ")
    assert "nothing was lost, run it again" in ran.err
    obstacle.unlink()
    ran = ingest(home, path)
    assert ran.code == 0
    assert ran.err.startswith("1 row of an earlier run was brought in first\n")
    assert numbers(home) == [1]
    assert balanced(home)


@pytest.mark.parametrize("option", ["--log-group", "--idempotency-key"])
def test_a_word_that_is_no_utf_8_is_a_usage_error(home: Path, option: str) -> None:
    ran = ingest(home, "-", option, "\udcff")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: this is no UTF-8: '\\udcff'")


def test_a_file_name_adds_no_line_of_its_own(home: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a\nrows=9", flow(1))
    ingest(home, path)
    assert "a\\nrows=9 was ingested before" in ingest(home, path).err


def test_a_file_name_cannot_drive_the_terminal(home: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a\x1b[31m.log", flow(1))
    ingest(home, path)
    ran = ingest(home, path)
    assert "\x1b" not in ran.err
    assert "a\\x1b[31m.log was ingested before" in ran.err


def test_a_pipe_by_name_is_read_as_standard_input_is(home: Path) -> None:
    ran = ingest(home, piped(flows(1, 2)), piped(gzipped(flow(3))))
    assert (ran.code, last(ran)) == (0, "rows=3 rejected=0 dropped=0")
    assert numbers(home) == [1, 2, 3]


@pytest.mark.parametrize(
    ("group", "note"),
    [
        ("/vpc/costum", "note: no format is declared for /vpc/costum; nearest: /vpc/custom\n"),
        ("/vpc/custom", ""),
        ("/ecs/web", ""),
    ],
)
def test_a_log_group_that_is_nearly_a_declared_one_is_told(
    home: Path, tmp_path: Path, group: str, note: str
) -> None:
    config = written(tmp_path / "t.toml", b'[formats]\n"/vpc/custom" = "${bytes} ${end}"\n')
    ran = ingest(home, written(tmp_path / "a"), "--log-group", group, "--config", config)
    assert ran.code == 0
    assert ran.err.startswith(note or str(tmp_path))


def test_lines_refused_before_their_group_had_a_format_are_tried_again(
    home: Path, tmp_path: Path
) -> None:
    texts = ["5 1418530070", "6 1418530070", "bad"]
    path = written(tmp_path / "a", envelope(log_events(texts)))
    assert last(ingest(home, path)) == "rows=0 rejected=3 dropped=0"
    group = json.loads(envelope(log_events(texts)))["logGroup"]
    toml = f'[formats]\n"{group}" = "${{bytes}} ${{end}}"\n'
    config = written(tmp_path / "t.toml", toml.encode())
    ran = ingest(home, path, "--config", config)
    assert "2 of its refused lines became rows, 1 is still refused\n" in ran.err
    assert last(ran) == "rows=2 rejected=0 dropped=0"
    assert last(ingest(home, path, "--config", config)) == "rows=0 rejected=0 dropped=0"
    assert numbers(home) == [5, 6]
    assert balanced(home)


def test_a_log_of_another_kind_is_told_as_such(home: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", b'{"level":"info"}\n' * 3)
    ran = ingest(home, path, source="waf")
    assert ran.code == 0
    assert "warning: most lines are refused: 3 of 3 lines\n" in ran.err
    assert "  why, line by line: tailrace parse waf FILE\n" in ran.err


def test_a_variable_that_no_column_has_is_told(home: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a.log", b"[25/Nov/2026:13:00:00 +0000] 500\n")
    form = "[$time_local] $satus"
    ran = ingest(home, path, "--format", form, source="http-access")
    assert ran.code == 0
    assert "note: no column has $satus (nearest: $status); kept in extra\n" in ran.err
