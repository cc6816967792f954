"""Which source reads what."""

from base64 import b64encode

import pytest

from pipeline.decode import decode
from pipeline.decode.peek import log_group_of
from pipeline.errors import UsageError
from pipeline.invoke import Routes
from pipeline.settings import Limits, Settings, of_function
from pipeline.triggers import Record
from tests.carriers import envelope, gzipped, log_event, log_events


def routes(**sources: str) -> Routes:
    return Routes.of(Settings(sources=sources))


def test_the_longest_name_that_fits_decides() -> None:
    found = routes(
        **{"/aws/*": "app-log", "/aws/waf*": "waf", "/aws/waf/x": "resolver", "*": "nlb"}
    )
    names = ("/aws/lambda/a", "/aws/waf/a", "/aws/waf/x", "else", "")
    assert [found.source_of(name) for name in names] == [
        "app-log",
        "waf",
        "resolver",
        "nlb",
        "nlb",
    ]


def test_what_is_not_declared_is_text_of_an_application() -> None:
    assert routes(**{"/vpc": "vpc-flow"}).source_of("/vpc/other") == "app-log"


def test_a_source_that_is_none_is_named_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"no source called flow\n  as the source of /vpc"):
        routes(**{"/vpc": "flow"})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("/vpc", "srcaddr srcaddr", "'srcaddr' is named twice"),
        ("/vpc", "", "it names no field"),
        ("/vpc:eni-1", "$status", "is no field name"),
        ("/web", "", "it names no variable"),
        ("s3://logs/web/a", "$status $time_locl", "the format has no time, such as"),
        ("s3://logs/web/*", "$status", "the format has no time, such as"),
        ("/app", "$status", "app-log takes no format"),
        ("/waf", "$status", "waf takes no format"),
        ("/vp*", "srcaddr end", "no log group has a \\* in its name"),
    ],
)
def test_a_format_that_its_source_cannot_read_is_refused_with_its_place(
    name: str, text: str, said: str
) -> None:
    sources = {"/vpc": "vpc-flow", "/web": "http-access", "/waf": "waf"}
    sources["s3://logs/web/*"] = "http-access"
    with pytest.raises(UsageError, match=said) as caught:
        Routes.of(Settings(sources=sources, formats={name: text}))
    assert f"declared for {name}" in caught.value.where
    assert caught.value.fix


def test_formats_that_their_sources_read_are_taken() -> None:
    sources = {"/vpc": "vpc-flow", "/web/*": "http-access", "s3://logs/*": "vpc-flow"}
    sources |= {"s3://logs/tgw/*": "tgw-flow", "s3://logs/alb/*": "alb"}
    formats: dict[str, str | list[str]] = {
        "/vpc": ["srcaddr end", "${dstaddr} ${new-field}"],
        "/vpc:eni-1": "action",
        "/web/a": "combined",
        "s3://logs/*": "srcaddr end",
        "s3://logs/tgw/*": "tgw-id end",
    }
    found = Routes.of(Settings(sources=sources, formats=formats))
    assert found.formats.get("s3://logs/tgw/1", ()) == ("tgw-id end",)


def test_a_format_of_many_objects_is_read_by_each_source_that_meets_it() -> None:
    sources = {"s3://logs/*": "vpc-flow", "s3://logs/web/*": "http-access"}
    with pytest.raises(UsageError, match="names no variable"):
        Routes.of(Settings(sources=sources, formats={"s3://logs/*": "srcaddr end"}))


def test_a_wrong_source_and_a_wrong_format_name_the_variable() -> None:
    with pytest.raises(UsageError, match="as the source of /a in TAILRACE_SOURCES"):
        Routes.of(of_function({"TAILRACE_SOURCES": '{"/a": "flow"}'}))
    with pytest.raises(UsageError, match="declared for /a in TAILRACE_FORMATS"):
        Routes.of(of_function({"TAILRACE_FORMATS": '{"/a": "end"}'}))


def peeked(payload: bytes, base64: bool = False) -> str:
    return log_group_of(Record(payload, "1", 1, "x", base64=base64), Limits())


def test_a_log_group_is_read_from_the_head_of_an_envelope() -> None:
    many = envelope(log_events(["x" * 100] * 5_000), logGroup="/vpc/flow")
    assert peeked(gzipped(many)) == "/vpc/flow"
    assert peeked(many) == "/vpc/flow"


@pytest.mark.parametrize("layers", ["gzip", "gzip gzip", "bom", "gzip bom"])
def test_what_decoding_opens_is_looked_into(layers: str) -> None:
    payload = envelope(log_events(["x"] * 50), logGroup="/vpc/flow")
    for layer in reversed(layers.split()):
        payload = gzipped(payload) if layer == "gzip" else b"\xef\xbb\xbf" + payload
    assert peeked(b64encode(payload), base64=True) == "/vpc/flow"
    batch = decode([Record(b64encode(payload), "1", 1, "x", base64=True)], Limits())
    assert [segment.stream and segment.stream.group for segment in batch.segments] == ["/vpc/flow"]


def test_escapes_of_a_name_are_taken_off() -> None:
    assert peeked(envelope([], logGroup='a"b\\cé')) == 'a"b\\cé'


def test_a_log_event_cannot_forge_the_log_group() -> None:
    forged = log_event('{"messageType":"DATA_MESSAGE","logGroup":"forged","logEvents":[]}')
    assert peeked(envelope([forged], logGroup="true")) == "true"
    # Even where the name comes last: then the whole envelope is read.
    text = envelope([forged, forged])
    last = text.replace(b'"logGroup": "flow-logs", ', b"")[:-1] + b', "logGroup": "true"}'
    assert peeked(gzipped(last)) == "true"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x1f\x8b",
        b"\x1f\x8b\x08 no gzip",
        b"2 123456789010 eni-1 ACCEPT OK",
        b'{"messageType": "DATA_MESSAGE", "logGroup": 7, "logEvents": []}',
        b'{"messageType": "DATA_MESSAGE", "logEvents": [}',
        b'{"messageType": "\xff", "logGroup": "\xff"',
    ],
)
def test_what_is_no_envelope_has_no_log_group(payload: bytes) -> None:
    assert peeked(payload) == ""


def test_what_is_no_base64_has_no_log_group() -> None:
    assert peeked(b"?" * 99, base64=True) == ""
