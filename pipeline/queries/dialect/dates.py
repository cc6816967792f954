"""Times: lengths in whole units, parts, ISO 8601, and the patterns of MySQL and of Joda."""

import re
from collections.abc import Iterator, Sequence

from sqlglot import Token, TokenType, exp
from sqlglot.expressions import DType

from pipeline.errors import QueryFailed
from pipeline.queries.dialect.trees import (
    FLOATS,
    Cures,
    Named,
    call,
    cast,
    passed_to,
    refuse,
    renamed,
    text,
    without,
)  # fmt: skip

TIMES = (DType.DATE, DType.TIMESTAMP, DType.TIMESTAMPTZ)
_WHOLE_UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
_DAYS = ("day", "week", "month", "quarter", "year")
_PARTS = ("year", "quarter", "month", "week", "day", "dow", "doy", "hour", "minute", "second")
# MySQL's letters that both engines read alike, as an author writes them.
_LETTERS = frozenset("YymcdeHkhIlisSfpabWMjxvTr%")
_CODE = re.compile(r"%(.?)", re.DOTALL)
_KNOWN = "known: %Y %y %m %c %d %e %H %k %h %l %i %s %f %p %a %b %W %M %j %x %v %T %r"
_PATTERNED = ("date_format", "date_parse")
# Joda's letters, by letter and how often it stands there.
_JODA = {
    "yyyy": "%Y", "YYYY": "%Y", "yy": "%y", "MM": "%m", "M": "%-m", "MMM": "%b", "MMMM": "%B",
    "dd": "%d", "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M",
    "ss": "%S", "s": "%-S", "SSS": "%g", "a": "%p", "EEE": "%a", "EEEE": "%A", "xxxx": "%G",
    "ww": "%V", "DDD": "%j",
}  # fmt: skip
_JODA_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|%|[^A-Za-z'%]+")
_JODA_FIX = "write date_format(x, '%Y-%m-%d %H:%i:%s')"


def _unit(node: exp.Expr) -> str:
    unit = node.args["unit"].name.lower()
    if unit not in (*_WHOLE_UNITS, "millisecond"):
        known = f"known: {', '.join(_WHOLE_UNITS)}, millisecond"
        raise refuse(node, "the unit is unknown", known)
    return str(unit)


def _whole_units(node: exp.Expr) -> exp.Expr | None:
    unit = _unit(node)
    if unit == "millisecond":
        return None
    return call("date_sub", text(unit), node.expression, node.this)


def _keep_date(node: exp.Expr) -> exp.Expr | None:
    """date_trunc and date_add of a date: DuckDB makes it a timestamp."""
    unit = _unit(node)
    if node.this.is_type(DType.DATE):
        if unit not in _DAYS:
            raise refuse(node, "a date has no hours", "cast it to timestamp before")
        return cast(node, "date")
    return None


def _shift(node: exp.Expr) -> exp.Expr | None:
    sides = (node.this, node.expression)
    dates = [side for side in sides if side.is_type(*TIMES)]
    spans = [side for side in sides if isinstance(side, exp.Interval)]
    if len(dates) == 2 or len(spans) == 2:
        raise refuse(node, "the engine here has no such lengths", "write date_diff('second', a, b)")
    if dates and dates[0].is_type(DType.DATE):
        if any(span.text("unit").lower() in ("hour", "minute", "second") for span in spans):
            raise refuse(node, "a date has no hours", "cast it to timestamp before")
        return cast(exp.Paren(this=node.copy()), "date")
    return None


def _interval(node: exp.Expr) -> None:
    if isinstance(node.args.get("unit"), exp.IntervalSpan):
        fix = "add them one after the other: + INTERVAL '1' DAY + INTERVAL '2' HOUR"
        raise refuse(node, "the engine here has no such lengths", fix)


def _extract(node: exp.Expr) -> exp.Expr | None:
    part = node.name.lower()
    if part not in _PARTS:
        raise refuse(node, "this part of a time is unknown", f"known: {', '.join(_PARTS)}")
    if part == "dow":
        return call("isodow", node.expression)
    return None


def _millisecond(node: exp.Expr) -> exp.Expr:
    (time,) = node.expressions
    parts = exp.Mod(this=call("millisecond", time), expression=exp.Literal.number(1000))
    return exp.Paren(this=parts)


def check_letters(tokens: Sequence[Token]) -> None:
    """Refuse letters in the patterns of date_format and date_parse that read differently here.

    By the words as written: the tree has strftime's letters, whose they are no longer shows.
    """
    for at, token in enumerate(tokens[:-1]):
        if token.text.lower() in _PATTERNED and tokens[at + 1].token_type == TokenType.L_PAREN:
            for pattern in _patterns(tokens[at + 1 :]):
                _check_pattern(pattern)


def _patterns(tokens: Sequence[Token]) -> Iterator[Token]:
    """Text behind the first comma of a call, up to its end."""
    depth, behind = 0, False
    for token in tokens:
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0:
            return
        behind = behind or (depth == 1 and token.token_type == TokenType.COMMA)
        if behind and token.token_type == TokenType.STRING:
            yield token


def _check_pattern(token: Token) -> None:
    unknown = any(code not in _LETTERS for code in _CODE.findall(token.text))
    if unknown or re.search("%%[A-Za-z]", token.text):
        what = f"a letter of the pattern reads differently here: {token.text}"
        raise QueryFailed(what, f"line {token.line}", _KNOWN)


def _pattern(node: exp.Expr) -> exp.Expr:
    pattern = node.args["format"]
    if not isinstance(pattern, exp.Literal):
        raise refuse(node, "the pattern must be written out", "write it in single quotes")
    return text(pattern.name.replace("%v", "%V"))


def _from_unixtime(node: exp.Expr) -> exp.Expr | None:
    zone = node.args.get("zone")
    if zone is not None and zone.name != "UTC":
        raise refuse(node, "times are UTC here", "leave the zone out, or write 'UTC'")
    node.set("zone", None)
    if node.this.is_type(*FLOATS, DType.DECIMAL):
        # Trino's has milliseconds, a half of one goes up.
        thousand = exp.Literal.number("1e3")
        half = exp.Add(
            this=exp.Mul(this=cast(node.this, "double"), expression=thousand),
            expression=exp.Literal.number("0.5e0"),
        )
        node.set("this", exp.Div(this=call("floor", half), expression=thousand.copy()))
    return without("hours", "minutes", "format")(node)


def _format(node: exp.Expr) -> exp.Expr:
    return call("strftime", node.this, _pattern(node))


def _parse(node: exp.Expr) -> exp.Expr:
    pattern = _pattern(node)
    if re.search("%[GVj]", pattern.name):
        raise refuse(node, "weeks and days of the year are not read", "write %Y-%m-%d")
    return call("date_trunc", text("millisecond"), _read(node, pattern, "%Y", "%H, or %h .. %p"))


def _read(node: exp.Expr, pattern: exp.Expr, year: str, hour: str) -> exp.Expr:
    """A time that is read by a pattern of strftime's; `year`, `hour`: as the author writes them."""
    if "%Y" not in pattern.name:
        why = "a time without its year, or with two digits of it"
        raise refuse(node, why, f"the pattern needs {year}")
    if ("I" in _strftime(pattern.name)) != ("p" in _strftime(pattern.name)):
        raise refuse(node, "an hour of the clock without its half of the day", f"write {hour}")
    if re.search(r"^\s|\s\s|\s$", pattern.name):
        raise refuse(node, "the engine here reads over blanks", "leave one blank between two parts")
    return call("tr_parse", node.this, pattern)


def _strftime(pattern: str) -> list[str]:
    return re.findall("%-?(.)", pattern)


def _to_iso8601(node: exp.Expr) -> exp.Expr:
    (time,) = node.expressions
    if time.is_type(DType.DATE):
        return call("strftime", time, text("%Y-%m-%d"))
    if time.is_type(_WITH_ZONE):
        return call("strftime", time, text("%Y-%m-%dT%H:%M:%S.%gZ"))
    if time.is_type(_MILLISECONDS):
        return call("strftime", time, text("%Y-%m-%dT%H:%M:%S.%g"))
    raise refuse(node, "its precision decides how this reads", "write date_format(x, '..')")


def _joda(node: exp.Expr, pattern: exp.Expr, letters: dict[str, str]) -> exp.Expr:
    if not isinstance(pattern, exp.Literal):
        raise refuse(node, "the pattern must be written out", "write it in single quotes")
    found, end = "", 0
    for token in _JODA_TOKEN.finditer(pattern.name):
        if token.start() != end:
            break
        end = token.end()
        if token[2]:
            if token[0] not in letters:
                raise refuse(node, f"{token[0]} in the pattern has no cure here", _JODA_FIX)
            found += letters[token[0]]
        else:
            quoted = token[0][1:-1].replace("''", "'") or "'" if token[0][0] == "'" else token[0]
            found += quoted.replace("%", "%%")
    if end != len(pattern.name):
        raise refuse(node, "a quote in the pattern is not closed", "write '' for one quote")
    return text(found)


def _format_datetime(node: exp.Expr) -> exp.Expr:
    time, pattern = node.expressions
    return call("strftime", time, _joda(node, pattern, _JODA))


def _parse_datetime(node: exp.Expr) -> exp.Expr:
    pattern = _joda(node, node.args["format"], {**_JODA, "Z": "%z", "YYYY": "", "xxxx": ""})
    if re.search("%[GVjaA]", pattern.name):
        raise refuse(node, "a time without its year, month and day", "the pattern needs yyyy-MM-dd")
    return cast(_read(node, pattern, "yyyy", "HH, or hh .. a"), "timestamptz")


_MILLISECONDS = exp.DataType.build("timestamp(3)", dialect="athena")
_WITH_ZONE = exp.DataType.build("timestamp(3) with time zone", dialect="athena")
CURES: Cures = {
    exp.DateDiff: _whole_units,
    **dict.fromkeys((exp.TimestampTrunc, exp.DateTrunc, exp.DateAdd), _keep_date),
    **dict.fromkeys((exp.Add, exp.Sub), _shift),
    exp.Interval: _interval,
    exp.Extract: _extract,
    exp.TimeToStr: _format,
    exp.StrToTime: _parse,
    exp.ParseDatetime: _parse_datetime,
    exp.FromISO8601Date: passed_to("tr_iso_date", "this"),
    exp.FromISO8601Timestamp: passed_to("tr_iso_timestamp", "this"),
    exp.UnixToTime: _from_unixtime,
}
NAMED: Named = {
    "millisecond": _millisecond,
    "to_iso8601": _to_iso8601,
    "format_datetime": _format_datetime,
    "yow": renamed("isoyear", 1),
}
