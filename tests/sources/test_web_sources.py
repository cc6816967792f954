"""Access logs: every sample means what a row-wise reader of its own finds; hostile lines raise
nothing and lose no neighbour."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reading.parsed import Formats
from tests.model import web_line
from tests.processed import Processed, context, processed, record

LINES = Path(__file__).parent.parent / "lines"
FIELDS = [
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
]
READERS: dict[str, Callable[[str], web_line.Row | None]] = {
    "alb": web_line.alb,
    "nlb": web_line.nlb,
    "s3-access": web_line.s3,
    "cloudfront": web_line.cloudfront(FIELDS),
    "http-access": web_line.combined,
    "resolver": web_line.resolver,
    "waf": web_line.waf,
    "api-gateway": web_line.api_gateway,
}
# Their reader in the model knows what samples hold, not each change of it.
SAMPLES_ALONE = ("waf", "api-gateway")
# Of them lines are made, by changing bytes of good ones.
GOOD = {
    "alb": (LINES / "alb" / "aws" / "examples.log").read_bytes(),
    "nlb": (LINES / "nlb" / "aws" / "examples.log").read_bytes(),
    "s3-access": (LINES / "s3-access" / "aws" / "examples.log").read_bytes(),
    "cloudfront": (LINES / "cloudfront" / "aws" / "examples.log").read_bytes(),
    "http-access": b"192.0.2.1 - bob [25/Nov/2026:13:55:36 -0700]"
    b' "GET /a?b HTTP/1.1" 200 5 "-" "x y"\n',
    "waf": (LINES / "waf" / "waf.log").read_bytes(),
    "resolver": b'{"query_timestamp":"2026-11-25T13:51:55Z","query_name":"a.example.",'
    b'"srcport":"5"}\n',
    "api-gateway": b'{"requestId":"a","ip":"192.0.2.1",'
    b'"requestTime":"25/Nov/2026:13:51:55 +0000"}\n',
}
OWN = {"ingest_time", "record_id", "decoder_version", "log_group", "log_stream"} | {
    "owner_account_id",
    "owner_region",
}


def formats(path: Path) -> tuple[str, ...]:
    """The format beside a sample."""
    beside = path.with_suffix(".format")
    return (beside.read_text("utf-8").strip(),) if beside.exists() else ()


def parsed(source: str, content: bytes, *formats: str) -> Processed:
    return processed([record(content)], source, context(formats=Formats(otherwise=formats)))


def told(done: Processed) -> int:
    """Lines of which something is said."""
    (batch,) = done.batches
    return int(batch["rows"] + batch["rejected"] + batch["dropped"])


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the plain reader has it: times in epoch ms, without what says nothing."""
    found = {}
    for name, value in row.items():
        if isinstance(value, datetime):
            value = web_line.ms_of(value.replace(tzinfo=UTC))
        if value is not None and name not in OWN:
            found[name] = value
    return found


def plainly(source: str, line: str, *declared: str) -> dict[str, Any] | None:
    """What the plain reader says; None where it has none or takes the line for none."""
    of_stage = source == "api-gateway" and declared
    reader = web_line.by_context(*declared) if of_stage else READERS.get(source)
    try:
        row = reader(line) if reader else None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    return row and {name: value for name, value in row.items() if value is not None}


def sample_files() -> list[Any]:
    paths = [
        path
        for source in READERS
        for path in sorted((LINES / source).rglob("*"))
        if path.is_file() and path.suffix in (".log", ".gz") and path.parent.name != "made-up"
    ]
    return [pytest.param(path, id=str(path.relative_to(LINES))) for path in paths]


# Samples whose lines are none: a generator wrote " -" where a number belongs.
REFUSED = {"cloudfront/cloudfront.log.gz": ["type", "type"]}


@pytest.mark.parametrize("path", sample_files())
def test_a_sample_is_read_as_the_plain_reader_reads_it(path: Path) -> None:
    source = path.relative_to(LINES).parts[0]
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    done = parsed(source, content, *formats(path))
    refused = REFUSED.get(str(path.relative_to(LINES)), [])
    assert done.reasons == refused
    wanted = [plainly(source, line, *formats(path)) for line in lines]
    assert [plain(row) for row in done.rows] == ([] if refused else wanted)
    assert len(done.rows) + len(refused) == len(lines)


HOSTILE = [
    pytest.param(text, id=name)
    for name, text in {
        "dashes": b"-" + b" -" * 40,
        "fewer dashes": b"- - -",
        "quotes": b'"' * 999,
        "quotes and spaces": b'" ' * 999,
        "backslashes": b"\\" * 999,
        "an escaped end": b'a b "c\\" d',
        "a NUL": b"a\x00b",
        "a megabyte": b"GET /" + b"a" * 1_000_000,
        "a percent sign": b"%",
        "bad percent-encoding": b"/%zz%",
        "brackets": b"[[[ ]] [",
        "no UTF-8": b"\xff\xfe",
        "a brace": b"{",
        "depth": b'{"a":' * 5_000,
        "an array": b"[1,2]",
        "two objects": b'{"timestamp":1} {"timestamp":2}',
        "a huge number": b'{"timestamp":' + b"9" * 5_000 + b"}",
        "tabs": b"\t" * 40,
        "a header": b"#Fields: \x7f",
        "a header of one": b"#Fields: date",
        "full-width digits": "\uff11\uff12".encode(),
    }.items()
]


@pytest.mark.fault("F6", "F12")
@pytest.mark.parametrize("line", HOSTILE)
@pytest.mark.parametrize("source", GOOD)
def test_a_hostile_line_takes_no_neighbour_along(source: str, line: bytes) -> None:
    good = GOOD[source].splitlines(keepends=True)
    alone = parsed(source, b"".join(good))
    done = parsed(source, b"".join(good) + line + b"\n" + b"".join(good))
    assert told(done) == 2 * len(good) + 1
    header = line.startswith(b"#Fields: d")
    assert header or len(done.rows) >= 2 * len(alone.rows)


@pytest.mark.parametrize("source", GOOD)
@settings(max_examples=40)
@given(changes=st.data())
def test_whatever_is_changed_in_a_line_it_is_a_row_or_a_reject(
    source: str, changes: st.DataObject
) -> None:
    line = bytearray(GOOD[source].splitlines()[-1])
    for _ in range(changes.draw(st.integers(1, 4))):
        at = changes.draw(st.integers(0, len(line) - 1))
        line[at : at + changes.draw(st.integers(0, 3))] = changes.draw(
            st.sampled_from(
                [b'"', b" ", b"\\", b"-", b"[", b"]", b"\t", b"%", b"{", b"9" * 20, b""]
            )
        )
    done = parsed(source, bytes(line) + b"\n")
    assert told(done) == 1
    wanted = plainly(source, bytes(line).decode())
    # What both take means the same.
    if done.rows and wanted and source not in SAMPLES_ALONE:
        assert plain(done.rows[0]) == wanted
