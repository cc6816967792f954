r"""The head of a log line: its time, level and request, where the usual loggers write them.

    [ERROR]\t2026-11-25T14:00:00.123Z\t<request id>\ttext       Lambda, Python
    2026-11-25T14:00:00.123Z\t<request id>\tERROR\ttext         Lambda, Node.js
    2026-11-25 14:00:00,123 ERROR text; [ERROR] text; ERROR: text

The export of a log group to S3 puts a time ahead of each line; that is the line's time then. Times
are int64 milliseconds since 1970, floored, UTC without an offset; NO_TIME where there is none.

Source: AWS Lambda Developer Guide, "Log and monitor" of each runtime; RFC 3339. Loggers besides it
write a space for the T, a comma before the fraction, offsets without colon or minutes.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from math import floor
from string import ascii_letters, digits

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import NO_TIME
from pipeline.reading import lambda_lines
from pipeline.reading.times import LAST_SECOND, STAMP, of_parts

# Words of syslog, Java, Python, .NET and Go; the numbers are those of bunyan and pino.
LEVELS = {
    "TRACE": "TRACE TRCE VERBOSE FINER FINEST 10",
    "DEBUG": "DEBUG DBUG FINE 20",
    "INFO": "INFO INFORMATION NOTICE 30",
    "WARN": "WARN WARNING 40",
    "ERROR": "ERROR ERR FAIL SEVERE 50",
    "FATAL": "FATAL CRITICAL CRIT ALERT EMERG EMERGENCY PANIC 60",
}
LEVEL_OF = {word: level for level, words in LEVELS.items() for word in words.split()}
LONGEST_LEVEL = max(map(len, LEVEL_OF))
FAR_MS = 10**17  # further than any allowed time, and far from the ends of int64
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?\Z")


def _time(tag: str) -> str:
    # Only offsets that exist: the " -1234" of "14:00:00 -1234 rows" is none.
    return (
        rf"(?P<stamp{tag}>\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)"
        rf"(?:[.,](?P<fraction{tag}>\d{{1,3}})\d*)?"
        rf"(?P<zone{tag}>[Zz]| ?[+-](?:0\d|1[0-4]):?(?:00|15|30|45)|[+-](?:0\d|1[0-4]))?"
    )


# Any short word, not the list of levels: with it the expression outgrows what RE2 matches fast
# (3.6 us a line instead of 0.8).
WORD = rf"[A-Za-z]{{3,{LONGEST_LEVEL}}}"
UUID = r"[0-9a-z]{8}(?:-[0-9a-z]{4}){3}-[0-9a-z]{12}"
GAP = r"(?:[\s\],;|:-]+|$)"
HEAD = (
    rf"^(?:\[?{_time('')}{GAP})?"
    rf"(?:\[(?P<tag>{WORD})\]\s*)?"
    rf"(?:{_time('_behind')}{GAP})?"
    rf"(?:(?:(?P<named>RequestId: )?(?P<request>{UUID})|undefined){GAP})?"
    rf"(?:{lambda_lines.BEGIN}|[\[(<]?(?P<word>{WORD})(?P<border>[\])>:|]|\s|$)[\s:|-]*)?"
    r"(?P<brace>\{)?"
)
# First bytes of lines that have a head, and of those that may have a time.
STARTS, MAY_HAVE_TIME = np.zeros(256, bool), np.zeros(256, bool)
STARTS[list(f"[(<{digits}{ascii_letters}".encode())] = True
MAY_HAVE_TIME[list(f"[{{{digits}".encode())] = True


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """What the heads of some lines tell, one item a line.

    time_ms  int64
    level    as `levels` gives it
    request  text, empty where there is none
    event    word that a line of Lambda's own begins with, else empty
    brace    boolean: behind a time and the rest of a head comes what may be a JSON object
    """

    time_ms: np.ndarray
    level: pa.Array
    request: pa.Array
    event: pa.Array
    brace: np.ndarray


def read(texts: pa.Array) -> Heads:
    """Read the heads of lines that begin with one of STARTS; the others have none."""
    groups = pc.extract_regex(texts, HEAD)
    time_ms, behind = _of_groups(groups, ""), _of_groups(groups, "_behind")
    time_ms = np.where(time_ms == NO_TIME, behind, time_ms)
    timed = pa.array(time_ms != NO_TIME)
    word, level = groups.field("word"), _level(groups, timed)
    # JSON follows the head itself, or a level: not the "got" of "got {".
    brace = pc.and_(timed, pc.equal(groups.field("brace"), "{"))
    brace = pc.and_(brace, pc.or_(pc.equal(word, ""), level.is_valid()))
    own = pc.or_(timed, pc.equal(groups.field("named"), "RequestId: "))
    return Heads(
        time_ms,
        pc.coalesce(levels(groups.field("tag")), level),
        pc.if_else(own, groups.field("request"), ""),
        groups.field("event"),
        brace.to_numpy(zero_copy_only=False),
    )


def _level(groups: pa.StructArray, timed: pa.Array) -> pa.Array:
    # "Error: text" and "ERROR text" have a level; "Error text" has none, unless behind a time.
    word, border = groups.field("word"), groups.field("border")
    marked = pc.is_in(border, pa.array(list("])>:|")))
    shown = pc.or_(pc.or_(marked, timed), pc.equal(word, pc.ascii_upper(word)))
    return levels(pc.if_else(shown, word, ""))


def levels(words: pa.Array) -> pa.Array:
    """The level that each word stands for, in upper case; null for any other word."""
    short = pc.if_else(pc.less_equal(pc.binary_length(words), LONGEST_LEVEL), words, "")
    coded = short.dictionary_encode()
    known = [LEVEL_OF.get(word.strip().upper()) for word in coded.dictionary.to_pylist()]
    return pa.array(known, pa.string()).take(coded.indices)


def times(texts: pa.Array) -> np.ndarray:
    """Times of whole texts: ISO-8601, or a number of seconds or milliseconds."""
    ms = _of_groups(pc.extract_regex(texts, f"^{_time('')}$"), "")
    odd = np.flatnonzero(ms == NO_TIME)
    ms[odd] = [_unix_ms(text) for text in texts.take(pa.array(odd)).to_pylist()]
    return ms


def _of_groups(groups: pa.StructArray, tag: str) -> np.ndarray:
    ms = np.full(len(groups), NO_TIME)
    stamps = groups.field(f"stamp{tag}")
    there = np.flatnonzero(pc.binary_length(stamps).to_numpy() == STAMP)
    if len(there) == 0:
        return ms
    at = pa.array(there)
    fraction, zone = (groups.field(f"{name}{tag}").take(at) for name in ("fraction", "zone"))
    ms[there] = of_parts(stamps.take(at), fraction, zone)
    return ms


def _unix_ms(text: str) -> int:
    if not NUMBER.match(text):
        return NO_TIME
    # Not float: 1764079200.123 times 1000 would be floored to .122.
    number = Decimal(text)
    if not -FAR_MS < number < FAR_MS:
        return -FAR_MS if number < 0 else FAR_MS
    return floor(number if number > LAST_SECOND else number * 1000)
