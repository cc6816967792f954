"""Which source reads what."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def read(payload: bytes, base64: bool = False) -> str:
    """The log group of the first envelope that decoding finds."""
    batch = decode([Record(payload, "1", 1, "x", base64=base64)], Limits())
    return next((each.stream.group for each in batch.segments if each.stream), "")


def members(*given: str, events: str = '"logEvents":[]') -> bytes:
    return "".join(["{", ",".join(['"messageType":"DATA_MESSAGE"', *given, events]), "}"]).encode()


def with_header(flags: int, header: bytes) -> bytes:
    packed = gzipped(GROUP_A)
    return packed[:3] + bytes([flags]) + packed[4:10] + header + packed[10:]


GROUP_A = members('"logGroup":"a"')
GROUP_B = members('"logGroup":"b"')
FORGED = r'"logStream":"\"logEvents\",\"logGroup\":\"b\""'
PAYLOADS = [
    (GROUP_A, "a"),
    (b" \r\n\t" + GROUP_A, "a"),
    (b"\xef\xbb\xbf" + GROUP_A, "a"),
    # Decoding takes no BOM off behind white space, and no white space behind a BOM.
    (b" \xef\xbb\xbf" + GROUP_A, ""),
    (b"\xef\xbb\xbf " + GROUP_A, ""),
    (b"\v" + GROUP_A, ""),
    (members('"logGroup":"b"', '"logGroup":"a"'), "a"),
    (members('"logGroup":"b"', events='"logEvents":[],"logGroup":"a"'), "a"),
    (members(r'"log\u0047roup":"a"'), "a"),
    (members('"logGroup":"b"', r'"log\u0047roup":"a"'), "a"),
    (members(r'"logGroup":"\u0061"'), "a"),
    (members(r'"logGroup":"\ud800"'), r"\ud800"),
    (members(FORGED, '"logGroup":"a"'), "a"),
    (members('"subscriptionFilters":["logEvents"]', '"logGroup":"a"'), "a"),
    (members('"x":{"logGroup":"b","logEvents":[]}', '"logGroup":"a"'), "a"),
    (members('"x":{"logGroup":"b"}'), ""),
    (members('"logGroup":"a"', events='"logEvents":{}'), ""),
    (members('"logGroup":7', '"logStream":7'), ""),
    (members('"logGroup":"a"', '"logStream":7'), "a"),
    (members('"logGroup":"a"', '"owner":NaN'), "a"),
    (members(f'"logGroup":"{"a" * 512}"'), "a" * 512),
    (members(f'"logGroup":"{"a" * 513}"'), ""),
    (members('"logGroup":"a"', events='"logEvents":[7,{"id":"1"}]'), "a"),
    (members('"logGroup":"a"').replace(b"DATA", b"NO"), ""),
    (members('"logGroup":"a"')[:-1], ""),
    (members(f'"x":"{"x" * 99_999}"', '"logGroup":"a"'), "a"),
    (GROUP_A + b"\n\n" + GROUP_B, "a"),
    (b"\n" + GROUP_A + b"\n" + GROUP_B, "a"),
    # A line among others is a line.
    (GROUP_A + b"\nx", ""),
    (b"x\n" + GROUP_A, ""),
    (GROUP_A + b"x", ""),
    (members('"logGroup":"a"', '"x":"\xff"').decode().encode("latin-1"), "a"),
]


@pytest.mark.parametrize(("text", "group"), PAYLOADS)
def test_the_log_group_is_the_one_that_decoding_finds(text: bytes, group: str) -> None:
    assert (peeked(text), read(text)) == (group, group)
    packed = gzipped(gzipped(text))
    assert (peeked(packed), read(packed)) == (group, group)


BY_BYTE = b"".join(gzipped(GROUP_A[at : at + 1]) for at in range(len(GROUP_A)))


@pytest.mark.parametrize(
    "packed",
    [
        BY_BYTE,
        gzipped(b"") * 500 + gzipped(GROUP_A),
        gzipped(BY_BYTE),
        with_header(0x08, b"n" * 9_000 + b"\0"),
        with_header(0x04, (9_000).to_bytes(2, "little") + b"x" * 9_000),
        gzipped(GROUP_A) + b"\0" * 512,
    ],
    ids=["members", "empty members", "two layers", "name", "extra", "padding"],
)
def test_no_gzip_hides_the_log_group(packed: bytes) -> None:
    wrapped = b"\r\n".join(b64encode(packed)[at : at + 76] for at in range(0, len(packed) * 2, 76))
    for payload, base64 in ((packed, False), (wrapped, False), (wrapped, True)):
        assert (peeked(payload, base64), read(payload, base64)) == ("a", "a")


@given(st.data())
def test_whatever_an_envelope_holds_peeking_and_decoding_agree(data: st.DataObject) -> None:
    key = st.sampled_from(["logGroup", r"log\u0047roup", "logEvents", "messageType", "logStream"])
    value = st.sampled_from(
        ['"a"', '"b"', "[]", '["logEvents"]', "7", '"DATA_MESSAGE"', "{}", "nul"]
    )
    pairs = data.draw(st.lists(st.tuples(key, value).map(lambda pair: f'"{pair[0]}":{pair[1]}')))
    text = members(*pairs) + data.draw(st.sampled_from([b"", b"\n", b"\n" + GROUP_B, b"\nx", b"}"]))
    text = data.draw(st.sampled_from([b"", b" ", b"\n", b"\xef\xbb\xbf", GROUP_B + b"\n"])) + text
    assert peeked(text) == read(text)


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
