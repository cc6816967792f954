"""tailrace parse: one JSON object a line, rejects apart, the counts last."""

import gzip
import json
import signal
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.carriers import control, envelope, gzipped, log_events, wrapped
from tests.homes import COMMAND, Ran, call, clean_environ, flow, flows, piped, run, written

NARROW = "${srcaddr} ${bytes} ${packets-seen} ${end}"
TEXTS = [flow(n)[:-1].decode() for n in range(3)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "flows.log", flow(1), b"bad\n\n", flow(2))


def rows(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def sizes(ran: Ran) -> list[int]:
    return [row["bytes"] for row in rows(ran)]


def rejects(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]


def counts(ran: Ran) -> str:
    return ran.err.splitlines()[-1]


def test_an_accepted_line_is_one_object_of_the_formats_columns(path: Path) -> None:
    ran = call("parse", "vpc-flow", path)
    assert ran.code == 0
    assert ran.out.splitlines()[0] == (
        '{"version":2,"account_id":"123456789010","interface_id":"eni-1235b8ca123456789",'
        '"srcaddr":"172.31.16.139","dstaddr":"172.31.16.21","srcport":20641,"dstport":22,'
        '"protocol":6,"packets":20,"bytes":1,"start_time":"2014-12-14T04:06:50Z",'
        '"end_time":"2014-12-14T04:07:50Z","action":"ACCEPT","log_status":"OK",'
        '"event_time":"2014-12-14T04:07:50Z","extra":null}'
    )
    assert sizes(ran) == [1, 2]


def test_rejects_and_then_the_counts_go_to_stderr(path: Path) -> None:
    ran = call("parse", "vpc-flow", path)
    reject, counted = ran.err.splitlines()
    detail = "1 field where the format has 14"
    assert reject == f'{{"line":2,"reason":"field_count","detail":"{detail}","raw":"bad"}}'
    assert counted == "accepted=2 rejected=1 skipped=1"


def test_rejects_go_to_the_file_that_is_named(path: Path, tmp_path: Path) -> None:
    ran = call("parse", "vpc-flow", path, "--rejects", tmp_path / "rejects.jsonl")
    assert ran.err == "accepted=2 rejected=1 skipped=1\n"
    (line,) = (tmp_path / "rejects.jsonl").read_text("utf-8").splitlines()
    assert list(json.loads(line)) == ["line", "reason", "detail", "raw"]


def test_a_rejects_file_that_cannot_be_written_is_a_usage_error(path: Path, tmp_path: Path) -> None:
    ran = call("parse", "vpc-flow", path, "--rejects", tmp_path / "no" / "rejects")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: the rejects cannot be written: No such file or directory\n")


def test_strict_ends_with_one_when_a_line_is_refused(path: Path, tmp_path: Path) -> None:
    refused = call("parse", "vpc-flow", path, "--strict")
    assert (refused.code, sizes(refused)) == (1, [1, 2])
    good = written(tmp_path / "good.log", flow(1))
    assert call("parse", "vpc-flow", good, "--strict").code == 0


def test_a_dash_is_null_and_unknown_fields_are_extra(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"10.0.0.1 - 7 1418530070\n10.0.0.1 5 - -\n")
    ran = call("parse", "vpc-flow", path, "--format", NARROW)
    assert rows(ran) == [
        {
            "srcaddr": "10.0.0.1",
            "bytes": None,
            "end_time": "2014-12-14T04:07:50Z",
            "event_time": "2014-12-14T04:07:50Z",
            "extra": {"packets-seen": "7"},
        },
        {"srcaddr": "10.0.0.1", "bytes": 5, "end_time": None, "event_time": None, "extra": None},
    ]


def test_milliseconds_are_shown_where_there_are_some(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"1418530070123\n")
    (row,) = rows(call("parse", "vpc-flow", path, "--format", "${end}"))
    assert row["end_time"] == "2014-12-14T04:07:50.123Z"


def test_a_line_takes_the_one_candidate_that_fits(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"10.0.0.1 5\n5 10.0.0.1\n5 5\n")
    words = ["--format", "${srcaddr} ${bytes}", "--format", "${bytes} ${srcaddr}"]
    ran = call("parse", "vpc-flow", path, *words)
    assert sizes(ran) == [5, 5]
    assert counts(ran) == "accepted=2 rejected=1 skipped=0"


@pytest.mark.parametrize(
    ("format_text", "says"),
    [
        ("${srcaddr} ${srcaddr}", "'srcaddr' is named twice"),
        ("", "it names no field"),
        ("${SRC}", "'SRC' is no field name"),
    ],
)
def test_a_format_that_is_none_is_a_usage_error(path: Path, format_text: str, says: str) -> None:
    ran = call("parse", "vpc-flow", path, "--format", format_text)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: the format cannot be used: {says}\n")


def test_a_format_that_most_lines_do_not_fit_is_told(tmp_path: Path) -> None:
    ran = call("parse", "vpc-flow", written(tmp_path / "a", b"1 2 3\n" * 9 + flow(1)))
    assert "warning: most lines do not fit the declared format\n" in ran.err
    assert "  came:     3 fields in 9 of 10 lines\n" in ran.err
    assert counts(ran) == "accepted=1 rejected=9 skipped=0"


def test_a_header_sets_the_format_of_the_lines_behind_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"srcaddr bytes end\n10.0.0.1 7 1418530070\n")
    ran = call("parse", "vpc-flow", path)
    assert (sizes(ran), counts(ran)) == ([7], "accepted=1 rejected=0 skipped=1")


def test_a_header_holds_in_a_file_of_many_pieces(tmp_path: Path) -> None:
    lines = b"".join(b"10.0.0.1 %d 1418530070\n" % n for n in range(60_000))
    path = written(tmp_path / "a", gzipped(b"srcaddr bytes end\n" + lines))
    ran = call("parse", "vpc-flow", path, "--rejects", tmp_path / "rejects")
    assert counts(ran) == "accepted=60000 rejected=0 skipped=1"


def test_lines_are_counted_through_all_pieces(tmp_path: Path) -> None:
    path = written(tmp_path / "a", flow(1) * 20_000, b"bad\n")
    ran = call("parse", "vpc-flow", path)
    assert [reject["line"] for reject in rejects(ran)] == [20_001]


CARRIERS = {
    "plain": "\n".join(TEXTS).encode(),
    "crlf": "\r\n".join(TEXTS).encode(),
    "gzip": gzipped(flows(0, 1, 2)),
    "two members": gzipped(flows(0, 1)) + gzipped(flow(2)),
    "gzip twice": gzipped(gzipped(flows(0, 1, 2))),
    "base64 of gzip": b64encode(gzip.compress(flows(0, 1, 2))),
    "envelope": envelope(log_events(TEXTS)),
    "packed envelope": gzipped(envelope(log_events(TEXTS))),
    "envelope over lines": json.dumps(json.loads(envelope(log_events(TEXTS))), indent=1).encode(),
    "several envelopes": envelope(log_events(TEXTS[:2])) + b"\n" + envelope(log_events(TEXTS[2:])),
    "message lines": wrapped(TEXTS),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_a_file_is_told_by_its_content(tmp_path: Path, name: str) -> None:
    ran = call("parse", "vpc-flow", written(tmp_path / "any.name", CARRIERS[name]))
    assert (sizes(ran), counts(ran)) == ([0, 1, 2], "accepted=3 rejected=0 skipped=0")


def test_an_empty_file_is_nothing(tmp_path: Path) -> None:
    ran = call("parse", "vpc-flow", written(tmp_path / "a"))
    assert (ran.code, ran.out, ran.err) == (0, "", "accepted=0 rejected=0 skipped=0\n")


def test_a_control_message_is_skipped(tmp_path: Path) -> None:
    path = written(tmp_path / "a", control(), b"\n", envelope(log_events(TEXTS)))
    assert counts(call("parse", "vpc-flow", path)) == "accepted=3 rejected=0 skipped=1"


@pytest.mark.parametrize(("limit", "value"), [("RECORD_BYTES", "100"), ("LINE_BYTES", "1000")])
def test_a_truncated_gzip_is_one_reject_that_names_the_byte(
    tmp_path: Path, limit: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TAILRACE_LIMITS_{limit}", value)
    content = gzipped(flows(*range(1_000)))[:-20]
    ran = call("parse", "vpc-flow", written(tmp_path / "a.gz", content))
    assert (ran.code, ran.out) == (0, "")
    (reject,) = rejects(ran)
    assert (reject["line"], reject["reason"]) == (None, "gzip_truncated")
    assert reject["detail"] == f"gzip breaks off at byte {len(content)}"
    assert len(reject["raw"]) > 0
    assert counts(ran) == "accepted=0 rejected=1 skipped=0"


def test_parquet_is_refused_and_says_so(tmp_path: Path) -> None:
    (reject,) = rejects(call("parse", "vpc-flow", written(tmp_path / "a", b"PAR1....PAR1")))
    assert reject["reason"] == "parquet_unsupported"


def test_several_files_are_read_in_order(tmp_path: Path) -> None:
    paths = [written(tmp_path / str(n), flow(n), b"bad\n") for n in (3, 1, 2)]
    ran = call("parse", "vpc-flow", *paths)
    assert sizes(ran) == [3, 1, 2]
    assert [reject["line"] for reject in rejects(ran)] == [2, 2, 2]


def test_bytes_that_are_no_text_are_written_out(tmp_path: Path) -> None:
    (reject,) = rejects(call("parse", "vpc-flow", written(tmp_path / "a", b"a\xff\x1b[31m\n")))
    assert (reject["reason"], reject["raw"]) == ("control_char", "a\\xff\x1b[31m")


def test_application_logs_are_parsed_too(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b'{"level": "warn", "message": "slow", "order": 7}\n')
    (row,) = rows(call("parse", "app-log", path))
    assert (row["level"], row["fields"]["order"]) == ("WARN", "7")


@pytest.mark.parametrize("words", [[], ["-"]])
def test_standard_input_is_read_where_no_file_is_named(words: list[str]) -> None:
    ran = run("parse", "vpc-flow", *words, stdin=flows(1, 2))
    assert (ran.code, sizes(ran)) == (0, [1, 2])


def test_lines_before_a_break_in_standard_input_are_printed() -> None:
    ran = run("parse", "vpc-flow", stdin=gzipped(flows(*range(2_000)))[:-20])
    accepted = sizes(ran)
    assert accepted == list(range(len(accepted)))
    assert len(accepted) > 1_500
    (reject,) = rejects(ran)
    assert reject["reason"] == "gzip_truncated"


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a", flow(1) * 20_000)
    with subprocess.Popen(
        [COMMAND, "parse", "vpc-flow", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environ(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_an_interrupt_ends_with_130_and_no_traceback() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [COMMAND, "parse", "vpc-flow", "-"],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=clean_environ(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(flow(1))
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(60) == 130
        assert b"Traceback" not in process.stderr.read()


def test_a_pipe_by_name_is_read_as_standard_input_is() -> None:
    ran = call("parse", "vpc-flow", piped(gzipped(flows(1, 2))), piped(flow(3)))
    assert (ran.code, sizes(ran)) == (0, [1, 2, 3])


@pytest.mark.parametrize("piped_in", [False, True])
def test_the_rejects_never_overwrite_an_input(path: Path, tmp_path: Path, piped_in: bool) -> None:
    before = path.read_bytes()
    link = tmp_path / "link"
    link.symlink_to(path)
    with path.open("rb") as file:
        done = subprocess.run(
            [COMMAND, "parse", "vpc-flow", "-" if piped_in else path, "--rejects", link],
            stdin=file,
            capture_output=True,
            check=False,
        )
    assert (done.returncode, path.read_bytes()) == (2, before)
    assert done.stderr.startswith(b"error: the rejects would overwrite an input\n")


def test_a_pipe_that_pauses_is_printed_as_far_as_it_came() -> None:
    with subprocess.Popen(
        [COMMAND, "parse", "vpc-flow", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in (1, 2):
            process.stdin.write(flow(number))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["bytes"] == number
        process.stdin.close()
        assert process.wait(60) == 0
