"""Access logs of web servers, in nginx's `log_format` or Apache's `LogFormat`.

A format is the server's own text for it, or the name of a usual one; without any a line is
`combined` or `common`. Each part between spaces is a field, alone, in quotes or in brackets; what
stands around a variable (`rt=$request_time`) has to stand in the line, too.
Variables that no column has land in `extra`.

Sources: nginx, ngx_http_log_module and ngx_http_core_module; Apache HTTP Server, mod_log_config.
Beware: nginx writes the time when a request ends, Apache when it came.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import Lines, LogBatch
from pipeline.errors import Reason
from pipeline.reading import formatted
from pipeline.reading.checks import check
from pipeline.reading.delimited import Faults, Reading, read, screen, shown
from pipeline.reading.parsed import Formats, Parsed
from pipeline.reading.quoted import fields_of, split
from pipeline.reading.server_formats import (
    BODY,
    COLUMNS,
    QUOTING,
    REQUEST,
    SENT,
    TIME,
    URI,
    VERSION,
    Token,
    nearest,
    tokens_of,
    unknown_in,
)
from pipeline.reading.web_lines import QUOTED
from pipeline.reading.web_requests import (
    DURATION_MS,
    HOST,
    METHOD,
    PATH,
    QUERY,
    cut_request,
    cut_url,
    without_port,
)
from pipeline.schema import Field, Type, declare
from pipeline.sources.source import Source

# How many milliseconds the unit of a duration has.
DURATIONS = {"request_time": 1000.0, "request_ms": 1.0, "request_us": 0.001}
# What the table has in other columns alone.
PASSING = ("uri", "request_ms", "request_us")


@dataclass(frozen=True, slots=True)
class ServerLog:
    """What formats of web servers mean."""

    default: tuple[str, ...] = ("combined", "common")
    times: tuple[str, ...] = ("time",)

    def layout(self, format_text: str) -> tuple[Token, ...]:
        """The tokens of a format. Raises UsageError when it is none, or names a variable twice."""
        return tokens_of(format_text)

    def check(self, format_text: str) -> None:
        """Raise UsageError when this is no format."""
        self.layout(format_text)

    def has_time(self, formats: Sequence[str]) -> bool:
        """Whether all these formats carry a time."""
        return all(
            any(each.name == TIME.name for token in self.layout(text) for each in token.fields)
            for text in formats
        )

    def parse(self, batch: LogBatch, formats: Formats) -> Parsed:
        """Parse every line of a batch by the format declared for it."""
        return formatted.parse(self, batch, formats)

    def screen(self, lines: Lines) -> tuple[Faults, np.ndarray]:
        """Faults of lines that hold what no line holds, and the indexes of blank lines."""
        return screen(lines)

    def headers(self, lines: Lines) -> Mapping[int, str]:
        """There are none."""
        return {}

    def read(self, lines: Lines, tokens: tuple[Token, ...], latest_ms: np.ndarray) -> Reading:
        """One column a variable."""
        assigned = any('="' in token.pattern for token in tokens)
        text, unclosed = split(lines, replace(QUOTING, assigned=assigned))
        good = ~unclosed.mask(len(text))
        raw = [token.raw for token in tokens]
        first = read(text.select(good), raw, latest_ms[good], QUOTED).of(np.flatnonzero(good))
        first.faults.by_line.update(unclosed.by_line)
        return _taken_apart(first, tokens, latest_ms)

    def count(self, line: bytes) -> int:
        """How many fields a line has."""
        return len(fields_of(line, QUOTING) or line.split(b" "))

    def columns(self, reading: Reading) -> dict[str, pa.Array]:
        """Columns of the table, by name."""
        done = formatted.named(reading)
        _cut(done)
        if HOST.name in done:
            done[HOST.name] = without_port(done[HOST.name])
        if BODY.name in done:
            # Apache writes - for none.
            done[BODY.name] = done[BODY.name].fill_null(0)
            done.setdefault(SENT.name, done[BODY.name])
        for name, ms in DURATIONS.items():
            if name in done:
                done[DURATION_MS.name] = pc.round(pc.multiply(done[name], ms), 3)
        return {name: column for name, column in done.items() if name not in PASSING}


def _taken_apart(first: Reading, tokens: tuple[Token, ...], latest_ms: np.ndarray) -> Reading:
    """A reading with a column for each field inside of the tokens, checked like the others."""
    fields: list[Field] = []
    columns: list[pa.Array] = []
    wrong: dict[int, tuple[int, Reason, str]] = {}
    for place, (token, column) in enumerate(zip(tokens, first.columns, strict=True)):
        if not token.pattern:
            fields += token.fields
            columns.append(column)
            continue
        groups = pc.extract_regex(column.dictionary, token.pattern)
        # The reader takes - for nothing, which a literal text is not.
        fits = re.search(token.pattern, "-") is not None
        misfit = pc.is_null(groups).take(column.indices).fill_null(not fits)
        for row in np.flatnonzero(misfit.to_numpy(zero_copy_only=False)).tolist():
            told = (column[row].as_py() or "-").encode()
            detail = f"{shown(told)} is not of the form of the format"
            wrong.setdefault(row, (place, Reason.VALUE, detail))
        for number, declared in enumerate(token.fields):
            values = pc.struct_field(groups, f"f{number}").take(column.indices)
            values = pc.if_else(pc.equal(values, "-"), None, values)
            whole_number = declared.type in (Type.INT32, Type.INT64)
            given = (
                values
                if whole_number or declared.type is Type.TIMESTAMP
                else values.dictionary_encode()
            )
            checked = check(given, declared, first.line, latest_ms)
            for row, reason in checked.bad:
                detail = f"{declared.log_name}: {shown(str(values[row]).encode())}"
                wrong.setdefault(row, (place, reason, detail))
            fields.append(declared)
            columns.append(checked.values)
    for row, fault in wrong.items():
        first.faults.add(int(first.line[row]), *fault)
    return Reading(tuple(fields), columns, first.line, first.faults).without_faults()


def _cut(columns: dict[str, pa.Array]) -> None:
    """Fill in what a request line or a URI holds, where no variable of its own tells it."""
    query = columns.get(QUERY.name)
    if query is not None:
        # Apache writes nothing for none, and else the ? with it.
        some = pc.if_else(pc.equal(query.dictionary, ""), None, query.dictionary)
        texts = pc.replace_substring_regex(some, r"^\?", "")
        columns[QUERY.name] = pa.DictionaryArray.from_arrays(query.indices, texts)
    url = columns.get(URI.name)
    if REQUEST.name in columns:
        parts = cut_request(columns[REQUEST.name])
        columns.setdefault(METHOD.name, parts["verb"])
        columns.setdefault(VERSION.name, parts["proto"])
        url = parts["url"] if url is None else url
    if url is not None:
        for name, column in cut_url(url).items():
            columns.setdefault(name, column)


def note_of(format_text: str) -> str:
    """Which variables of a format no column has: one of them may be mistyped."""
    unknown = unknown_in(format_text)
    told = (f"{each} (nearest: {near})" if (near := nearest(each)) else each for each in unknown)
    return f"no column has {', '.join(told)}; kept in extra" if unknown else ""


TABLE = declare(
    "http_access",
    "Requests to web servers; event_time is the time that the server wrote.",
    *COLUMNS,
    *(METHOD, PATH, QUERY, DURATION_MS),
)
LOG = ServerLog()
SOURCE = Source(
    "http-access",
    TABLE,
    LOG.parse,
    check_format=LOG.check,
    format_from="in the server's configuration, as log_format (nginx) or LogFormat (Apache)",
    has_time=LOG.has_time,
    time_from="[$time_local], $time_iso8601, $msec or %t",
    note_of=note_of,
    request={"client_addr": "remote_addr"},
)
