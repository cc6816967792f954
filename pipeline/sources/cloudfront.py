"""Access logs of CloudFront: standard logs (legacy, and v2 as W3C) and real-time logs.

All of them are tab-separated; v2 as JSON or Parquet is not read.

Standard logs say in a `#Fields` header which fields follow, in which order; without one it is the
legacy order. A real-time log has none: its fields are declared as a format. Columns are a standard
log's own names in snake_case; those of a real-time log mean the same, even where that log means
something else by a name: its cs-host is what the viewer asked for, its cs-uri-stem has the query.

Source: Amazon CloudFront Developer Guide, "Standard logging reference" and "Use real-time access
logs". Values are percent-encoded, once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import Lines, LogBatch, with_plain_ends
from pipeline.errors import UsageError
from pipeline.reading import formatted
from pipeline.reading.checks import percent_decoded
from pipeline.reading.delimited import BOM, TAB, Dialect, Faults, Reading, read, screen
from pipeline.reading.fields import (
    PORT,
    STATUS,
    address,
    decimal,
    encoded,
    moment,
    small,
    text,
    whole,
)
from pipeline.reading.parsed import Formats, Parsed
from pipeline.reading.web_requests import DURATION_MS
from pipeline.schema import Domain, Field, Type, declare
from pipeline.sources.source import Source

TABS = Dialect(b"\t")
HASH = ord("#")
DIRECTIVE = b"#Fields:"
# Standard logs are not known to have more than 64.
MOST_FIELDS = 256
WORD = re.compile(r"[A-Za-z0-9()_-]+\Z")
STEM = r"^(?P<path>[^?]*)(?P<mark>\??)(?P<query>.*)$"
# Date and time are two fields; together they are one, with this between them.
DAY_TIME = moment("time", "When the answer was finished, to the second, UTC.", log_name="date time")

STANDARD = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)"
    " cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header"
    " cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher"
    " x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port"
    " time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start"
    " sc-range-end"
)
FIELDS = (
    DAY_TIME,
    moment("timestamp", "The same, in seconds or finer.", Domain.UNIX_TIME),
    moment("timestamp_ms", "The same, in milliseconds.", Domain.EPOCH, "timestamp(ms)"),
    text("distribution_id", "Distribution.", "DistributionId"),
    text("x_edge_location", "Edge that answered.", "x-edge-location"),
    whole("sc_bytes", "Bytes to the viewer, headers included.", "bytes", "sc-bytes"),
    address("c_ip", "Address of the viewer, or of its proxy.", "c-ip"),
    text("cs_method", "Method of the request.", "cs-method"),
    text("cs_host", "Domain of the distribution.", "cs(Host)"),
    # Decoded once it is cut: a real-time log has the query in it.
    text("cs_uri_stem", "Path of the request.", "cs-uri-stem"),
    small("sc_status", "Status that the viewer got; 0: it left before.", STATUS, "sc-status"),
    encoded("cs_referer", "Page that the request came from.", "cs(Referer)"),
    encoded("cs_user_agent", "What the viewer calls itself.", "cs(User-Agent)"),
    encoded("cs_uri_query", "What is behind the ?; null without one.", "cs-uri-query"),
    encoded("cs_cookie", "Cookies, when they are logged.", "cs(Cookie)"),
    text("x_edge_result_type", "Hit, Miss, Error and so on.", "x-edge-result-type"),
    text("x_edge_request_id", "Request.", "x-edge-request-id"),
    text("x_host_header", "Host that the viewer asked for.", "x-host-header"),
    text("cs_protocol", "http, https, ws or wss.", "cs-protocol"),
    whole("cs_bytes", "Bytes from the viewer, headers included.", "bytes", "cs-bytes"),
    decimal("time_taken", "From the request to the last byte.", "seconds", "time-taken"),
    encoded("x_forwarded_for", "Addresses behind a proxy.", "x-forwarded-for"),
    text("ssl_protocol", "TLS version of the viewer's connection.", "ssl-protocol"),
    text("ssl_cipher", "Cipher of the viewer's connection.", "ssl-cipher"),
    text(
        "x_edge_response_result_type",
        "The result before the answer was sent.",
        "x-edge-response-result-type",
    ),
    text("cs_protocol_version", "Such as HTTP/2.0.", "cs-protocol-version"),
    text("fle_status", "What became of field-level encryption.", "fle-status"),
    whole("fle_encrypted_fields", "Fields encrypted.", "", "fle-encrypted-fields"),
    small("c_port", "Port of the viewer.", PORT, "c-port"),
    decimal(
        "time_to_first_byte", "From the request to the first byte.", "seconds", "time-to-first-byte"
    ),
    text("x_edge_detailed_result_type", "Which error.", "x-edge-detailed-result-type"),
    encoded("sc_content_type", "Content-Type of the answer.", "sc-content-type"),
    whole("sc_content_len", "Content-Length of the answer.", "bytes", "sc-content-len"),
    whole("sc_range_start", "First byte of a part.", "", "sc-range-start"),
    whole("sc_range_end", "Last byte of a part.", "", "sc-range-end"),
    decimal("origin_fbl", "Wait for the origin's first byte.", "seconds", "origin-fbl"),
    decimal("origin_lbl", "Wait for the origin's last byte.", "seconds", "origin-lbl"),
    text("asn", "Autonomous system of the viewer."),
    text("c_country", "Country of the viewer by its address.", "c-country"),
    text(
        "cache_behavior_path_pattern",
        "Behavior that answered.",
        "cache-behavior-path-pattern",
    ),
)
# The spelling of real-time logs; these two names mean each other's field there. Where none of the
# others is beside it x-host-header means what it does in a standard log.
REAL_TIME = {
    "cs-referer": "cs(referer)",
    "cs-user-agent": "cs(user-agent)",
    "cs-cookie": "cs(cookie)",
    "cs-host": "x-host-header",
    "x-host-header": "cs(host)",
}
ONLY_THERE = REAL_TIME.keys() - {"x-host-header"}
KNOWN = {field.log_name.lower(): field for field in FIELDS}


@dataclass(frozen=True, slots=True)
class EdgeLog:
    """What formats of CloudFront's logs mean."""

    default: tuple[str, ...] = (STANDARD,)
    times: tuple[str, ...] = ("timestamp_ms", "timestamp", "time")

    def layout(self, format_text: str) -> tuple[Field, ...]:
        """The fields of a format: names with spaces or commas between them, or a #Fields line.

        Raises UsageError for a word that is no field name, or a field named twice.
        """
        words = format_text.removeprefix(DIRECTIVE.decode()).replace(",", " ").split()
        if not words or len(words) > MOST_FIELDS:
            raise _wrong("it names no field, or too many", format_text)
        names = _standard([word.lower() for word in words])
        for word, name in zip(words, names, strict=True):
            if not WORD.match(word):
                raise _wrong(f"{word!r} is no field name", format_text)
            if names.count(name) > 1:
                raise _wrong(f"{word!r} is named twice", format_text)
        return tuple(_joined(words, names))

    def check(self, format_text: str) -> None:
        """Raise UsageError when this is no format."""
        self.layout(format_text)

    def has_time(self, formats: Sequence[str]) -> bool:
        """Whether all these formats carry a time."""
        return all(any(each.name in self.times for each in self.layout(text)) for text in formats)

    def screen(self, lines: Lines) -> tuple[Faults, np.ndarray]:
        """Faults of lines that hold what no line holds, and the indexes of blank lines."""
        return screen(lines, tabs=True)

    def headers(self, lines: Lines) -> Mapping[int, str]:
        """The format that each line beginning with # sets; "" where it sets none."""
        at = np.flatnonzero(lines.first_bytes == HASH) if len(lines) else ()
        # A line with tabs has fields: a client may have written the first of them.
        found = ((int(each), lines[int(each)]) for each in at)
        return {each: self._header(line) for each, line in found if b"\t" not in line}

    def _header(self, line: bytes) -> str:
        if not line.startswith(DIRECTIVE):
            return ""
        words = " ".join(line.removeprefix(DIRECTIVE).decode("ascii", "replace").split())
        try:
            self.layout(words)
        except UsageError:
            return ""
        return words

    def carry(self, text_before: bytes, before: str) -> str:
        """The header in force behind some lines of a file, `before` being the one ahead of them."""
        lines = Lines.of_text(with_plain_ends(text_before.removeprefix(BOM)))
        refused = self.screen(lines)[0].by_line
        headers = {at: h for at, h in self.headers(lines).items() if h and at not in refused}
        return next(reversed(formatted.bounded(headers).values()), before)

    def parse(self, batch: LogBatch, formats: Formats) -> Parsed:
        """Parse every line of a batch by the format declared for it."""
        return formatted.parse(self, batch, formats)

    def read(self, lines: Lines, fields: tuple[Field, ...], latest_ms: np.ndarray) -> Reading:
        """One column a field; date and time are read as one."""
        if DAY_TIME in fields:
            lines = _with_times(lines, fields.index(DAY_TIME))
        return read(lines, fields, latest_ms, TABS)

    def count(self, line: bytes) -> int:
        """How many fields a line has."""
        return line.count(b"\t") + 1

    def columns(self, reading: Reading) -> dict[str, pa.Array]:
        """Columns of the table, by name."""
        done = formatted.named(reading)
        if "cs_uri_stem" in done:
            stem, query = _cut(done["cs_uri_stem"])
            done["cs_uri_stem"] = stem
            if query is not None:
                done.setdefault("cs_uri_query", query)
        if "time_taken" in done:
            done[DURATION_MS.name] = pc.round(pc.multiply(done["time_taken"], 1000), 3)
        return done


def _cut(stem: pa.DictionaryArray) -> tuple[pa.Array, pa.Array | None]:
    """The path, and in a real-time log the query; each is decoded when it has been cut off."""
    if not pc.any(pc.match_substring(stem.dictionary, "?")).as_py():
        return percent_decoded(stem), None
    parts = pc.extract_regex(stem.dictionary, STEM)
    path, mark, query = (pc.struct_field(parts, name) for name in ("path", "mark", "query"))
    query = pc.if_else(pc.equal(mark, "?"), query, None)
    return tuple(
        percent_decoded(each.take(stem.indices).dictionary_encode()) for each in (path, query)
    )


def _wrong(what: str, format_text: str) -> UsageError:
    return UsageError(
        f"the format cannot be used: {what}",
        f"in {format_text[:300]!r}",
        "take it from the #Fields line of a file, or from the configuration of the real-time log",
    )


def _standard(names: list[str]) -> list[str]:
    spelled = REAL_TIME if ONLY_THERE.intersection(names) else {}
    return [spelled.get(name, name) for name in names]


def _joined(words: Sequence[str], names: Sequence[str]) -> list[Field]:
    fields: list[Field] = []
    for word, name in zip(words, names, strict=True):
        if name == "time" and fields and fields[-1].log_name.lower() == "date":
            fields[-1] = DAY_TIME
        else:
            fields.append(KNOWN.get(name) or Field("", Type.VARCHAR, "", log_name=word))
    return fields


def _with_times(lines: Lines, place: int) -> Lines:
    """Lines with a T between the date and the time that are the field of this place."""
    data = np.frombuffer(lines.data, np.uint8).copy()
    tabs = np.flatnonzero(data == TAB)
    between = np.searchsorted(tabs, lines.starts) + place
    there = between < np.searchsorted(tabs, lines.ends)
    data[tabs[between[there]]] = ord("T")
    return Lines(data.tobytes(), lines.ends)


TABLE = declare(
    "cloudfront",
    "Requests to CloudFront distributions; event_time is when the answer was finished.",
    *FIELDS,
    DURATION_MS,
)
LOG = EdgeLog()
SOURCE = Source(
    "cloudfront",
    TABLE,
    LOG.parse,
    check_format=LOG.check,
    format_from="in the #Fields line of a file, or in the real-time log's configuration",
    has_time=LOG.has_time,
    time_from="date and time, or timestamp",
    carry=LOG.carry,
    request={
        "method": "cs_method",
        "path": "cs_uri_stem",
        "query": "cs_uri_query",
        "status": "sc_status",
        "bytes_sent": "sc_bytes",
        "client_addr": "c_ip",
        "user_agent": "cs_user_agent",
        "host": "x_host_header",
    },
)
