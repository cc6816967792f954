"""What clients write into access logs to hide, to forge, or to break what reads them."""

import json
from typing import Any

import pytest

from pipeline.batch.boundary import Fault, guarded
from pipeline.errors import UsageError
from pipeline.reading.parsed import Formats
from pipeline.sources import find
from tests.processed import Processed, context, processed, record

STAMP = "[01/Jan/2026:00:00:00 +0000]"
REQUEST = f'192.0.2.1 - - {STAMP} "%s" 200 5 "-" "ua"\n'
EDGE = "2026-01-01\t00:00:00\t"


def parsed(source: str, text: str, *formats: str) -> Processed:
    within = context(formats=Formats(otherwise=formats))
    return processed([record(text.encode())], source, within)


def shown(done: Processed, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in done.rows]


@pytest.mark.fault("F6")
@pytest.mark.parametrize(
    "header",
    [
        "cs-referer cs(Referer)",
        "cs-host x-host-header cs(Host)",
        "date date",
        "a\x1fb",
        # `extra` would repeat it in each row.
        "date time c-ip " + "x" * 81,
    ],
)
def test_a_header_that_is_none_sets_nothing(header: str) -> None:
    good = f"#Fields: date time c-ip\n{EDGE}192.0.2.1\n"
    done = parsed("cloudfront", f"{good}#Fields: {header}\n{EDGE}192.0.2.2\n")
    assert shown(done, "c_ip") == [("192.0.2.1",), ("192.0.2.2",)]
    assert find("cloudfront").carry(f"#Fields: {header}\n".encode(), "date time") == "date time"


def test_a_line_with_fields_is_no_header_whatever_a_client_wrote_first() -> None:
    lines = "#Fields:x\t200\tGET\n#evil\t200\tGET\na\t200\tGET\n"
    done = parsed("cloudfront", f"{lines}", "cs-user-agent sc-status cs-method")
    assert done.reasons == ["no_time"] * 3


def test_headers_are_known_in_any_case() -> None:
    done = parsed("cloudfront", f"#Fields: DATE TIME C-IP\n{EDGE}192.0.2.1\n")
    assert shown(done, "c_ip", "extra") == [("192.0.2.1", None)]


@pytest.mark.parametrize(
    ("fields", "values", "path", "query"),
    [
        ("cs-uri-stem cs-uri-query", "/a%3Fsecret\tq=1", "/a?secret", "q=1"),
        ("cs-host cs-uri-stem", "h\t/a%3Fb?c=d%20e", "/a?b", "c=d e"),
        ("cs-host cs-uri-stem", "h\t/a%23b%3F", "/a#b?", None),
    ],
)
def test_an_encoded_question_mark_hides_nothing(
    fields: str, values: str, path: str, query: str | None
) -> None:
    text = (
        f"#Fields: date time {fields}\n{EDGE}{values}\n#Fields: date time cs-uri-stem\n{EDGE}/x\n"
    )
    found = shown(parsed("cloudfront", text), "cs_uri_stem", "cs_uri_query")
    assert found == [(path, query), ("/x", None)]


def test_a_number_with_a_space_is_none_whoever_stands_beside_it() -> None:
    head = "#Fields: date time sc-bytes\n"
    assert parsed("cloudfront", f"{head}{EDGE} 5 \n").reasons == ["type"]
    assert parsed("cloudfront", f"{head}{EDGE}5 \n{EDGE}7\n").reasons == ["type"]


@pytest.mark.parametrize(
    ("request_line", "host", "path"),
    [
        ("GET http://good.example:80@evil.example/p HTTP/1.1", "evil.example", "/p"),
        ("GET http://u:p@h.example/x HTTP/1.1", "h.example", "/x"),
        ("GET  /admin HTTP/1.1", None, "/admin"),
        ("GET /a b HTTP/1.1", None, "/a b"),
        ("GET /x", None, "/x"),
    ],
)
def test_a_request_line_tells_what_was_asked_for(
    request_line: str, host: str | None, path: str
) -> None:
    done = parsed("http-access", REQUEST % request_line)
    assert shown(done, "method", "host", "path") == [("GET", host, path)]


def test_a_query_that_is_there_and_empty_is_not_none() -> None:
    done = parsed("http-access", REQUEST % "GET /a? HTTP/1.1" + REQUEST % "GET /a HTTP/1.1")
    assert shown(done, "path", "query") == [("/a", ""), ("/a", None)]


def test_letters_of_several_bytes_beside_quoted_ones_change_nothing() -> None:
    lines = (REQUEST % "GET / HTTP/1.1").replace(" - -", ' - ""')
    other = (REQUEST % "GET / HTTP/1.1").replace(" - -", " - 日é")
    done = parsed("http-access", lines + other)
    assert shown(done, "remote_user") == [("",), ("日é",)]


@pytest.mark.fault("F6")
@pytest.mark.parametrize(
    ("source", "text", "formats", "reasons"),
    [
        ("waf", "\n", (), []),
        ("waf", "\x01\n", (), ["control_char"]),
        ("http-access", "\n", ('ts=%{msec}t "%r"',), []),
        ("api-gateway", "{}\n" * 3, (), ["no_time"] * 3),
        ("http-access", "192.0.2.1 - 200\n", ("$remote_addr lit $status [$time_local]",),
         ["field_count"]),
        ("http-access", f"192.0.2.1 - {STAMP}\n", ("$remote_addr lit [$time_local]",), ["value"]),
    ],
)  # fmt: skip
def test_lines_without_anything_to_read_are_told_as_such(
    source: str, text: str, formats: tuple[str, ...], reasons: list[str]
) -> None:
    assert parsed(source, text, *formats).reasons == reasons


@pytest.mark.parametrize("zone", ["+99:99", "-24:00", "+01:60"])
def test_a_zone_that_is_none_moves_no_day(zone: str) -> None:
    made = json.dumps({"query_timestamp": f"2026-01-01T00:00:00{zone}"})
    assert parsed("resolver", made + "\n").reasons == ["type"]
    clf = STAMP.replace("+0000", zone.replace(":", ""))
    assert parsed("http-access", (REQUEST % "GET / HTTP/1.1").replace(STAMP, clf)).reasons == [
        "type"
    ]


@pytest.mark.fault("F11")
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]"), ('[{"a":', "}]")])
def test_nesting_near_every_limit_takes_no_neighbour_along(opening: str, closing: str) -> None:
    good = '{"query_timestamp":"2026-01-01T00:00:00Z"}\n'
    for depth in range(400, 1_000, 7):
        deep = f'{good[:-2]},"x":{opening * depth}1{closing * depth}}}\n'
        done = parsed("resolver", good + deep + good)
        assert len(done.rows) + len(done.reasons) == 3
        assert done.reasons in ([], ["json"])


def test_keys_of_one_line_cost_the_others_nothing() -> None:
    wide = json.dumps({f"k{number}": "" for number in range(5_000)})
    good = '{"query_timestamp":"2026-01-01T00:00:00Z"}'
    done = parsed("resolver", f"{wide}\n" + f"{good}\n" * 300)
    assert done.reasons == ["no_time"]
    assert {row["extra"] and len(row["extra"]) for row in done.rows} == {None}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("api-gateway", '{"\\ud800":"$context.status"}'),
        ("api-gateway", '{"a":' * 700 + '"$context.status"' + "}" * 700),
        ("http-access", "\udcff$status"),
        ("http-access", "".join(f"$a{number}x" for number in range(3_000))),
        ("http-access", '{"status":"$status"}'),
        ("cloudfront", "cs-referer cs(Referer)"),
    ],
)
def test_a_hostile_format_is_refused(source: str, text: str) -> None:
    check = find(source).check_format
    assert check is not None
    with pytest.raises(UsageError, match="format"):
        check(text)


@pytest.mark.parametrize(
    "declared",
    [
        "log_format main '$remote_addr - $remote_user [$time_local] \"$request\" '\n"
        "    '$status $body_bytes_sent \"$http_referer\" '\n    '\"$http_user_agent\"';",
        'LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined',
        '%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"',
        "combined",
    ],
)
def test_a_format_is_taken_as_the_configuration_has_it(declared: str) -> None:
    done = parsed("http-access", REQUEST % "GET /a HTTP/1.1", declared)
    assert shown(done, "path", "status", "user_agent") == [("/a", 200, "ua")]


def test_the_status_that_the_client_got_is_the_last() -> None:
    done = parsed("http-access", f"{STAMP} 404 302\n", "%t %s %>s")
    assert shown(done, "status", "extra") == [(302, {"%s": "404"})]


@pytest.mark.fault("F6")
def test_a_line_cannot_be_used_wrongly() -> None:
    def work() -> None:
        raise UsageError("a format is none")

    fault = guarded(work)
    assert isinstance(fault, Fault)
    assert "a format is none" in fault.detail
