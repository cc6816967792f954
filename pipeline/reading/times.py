"""Times in columns of text: int64 milliseconds since 1970, floored; NO_TIME where there is none.

Sources: RFC 3339 (with the freedoms of ISO-8601 that AWS's logs take: no zone means UTC); Apache
HTTP Server, mod_log_config, %t.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import NO_TIME

DIGIT = ord("0")
# A larger Unix time is meant in milliseconds: these reached 10^11 in 1973, seconds do in 5138.
LAST_SECOND = 10**11 - 1
MOST_HOURS, MOST_MINUTES = 23, 59
MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
STAMP = 19
STAMP_PARTS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
ISO = (
    r"^(?P<stamp>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,3})\d*)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?$"
)
UNIX = r"^(?P<seconds>\d{1,11})(?:\.(?P<fraction>\d{1,3})\d*)?$"
CLF = "[25/Nov/2026:14:00:00 +0000]"
CLF_MARKS = ((0, "["), (3, "/"), (7, "/"), (12, ":"), (15, ":"), (18, ":"), (21, " "), (27, "]"))
CLF_PARTS = ((8, 12), (1, 3), (13, 15), (16, 18), (19, 21))


def iso(texts: pa.Array) -> np.ndarray:
    """Times like 2026-11-25T14:00:00.123456Z, of any number of digits behind the point."""
    try:
        zoned = pa.timestamp("us", "UTC")
        us = texts.cast(zoned if _all_end_in(texts, "Z") else pa.timestamp("us"))
    except pa.ArrowInvalid:
        us = None
    # Arrow takes a day alone, or hours alone, too.
    whole = pc.min(pc.binary_length(texts)).as_py() or 0
    if us is None or whole < STAMP or texts.null_count:
        return _iso_one_by_one(texts)
    found: np.ndarray = us.cast(pa.int64()).to_numpy() // 1000
    return found


def epoch_or_iso(texts: pa.Array) -> np.ndarray:
    """Times like 1764079200, 1764079200123 or 2026-11-25T14:00:00Z."""
    ms = np.full(len(texts), NO_TIME)
    plain = pc.match_substring_regex(texts, r"^\d{1,14}$").fill_null(False)
    whole = np.flatnonzero(plain)
    found = texts.take(pa.array(whole)).cast(pa.int64()).to_numpy()
    ms[whole] = np.where(found > LAST_SECOND, found, found * 1000)
    others = np.flatnonzero(pc.and_(texts.is_valid(), pc.invert(plain)))
    ms[others] = iso(texts.take(pa.array(others)))
    return ms


def unix(texts: pa.Array) -> np.ndarray:
    """Times like 1764079200 or 1764079200.123, in seconds; as text, for a double would round."""
    ms = np.full(len(texts), NO_TIME)
    groups = pc.extract_regex(texts, UNIX)
    there = np.flatnonzero(groups.is_valid())
    groups = groups.take(pa.array(there))
    fraction = pc.ascii_rpad(groups.field("fraction"), 3, "0").cast(pa.int64()).to_numpy()
    ms[there] = groups.field("seconds").cast(pa.int64()).to_numpy() * 1000 + fraction
    return ms


def clf(texts: pa.Array) -> np.ndarray:
    """Times like [25/Nov/2026:14:00:00 +0000], or without the brackets; months are English."""
    bare = pc.equal(pc.binary_length(texts), len(CLF) - 2)
    if pc.any(bare).as_py():
        texts = pc.if_else(bare, pc.binary_join_element_wise("[", texts, "]", ""), texts)
    ms = np.full(len(texts), NO_TIME)
    there = np.flatnonzero(pc.equal(pc.binary_length(texts), len(CLF)).fill_null(False))
    if len(there) == 0:
        return ms
    rows = fixed(texts.take(pa.array(there)), len(CLF))
    year, day, hour, minute, second = (_number(rows, *part) for part in CLF_PARTS)
    month, known = _month(rows[:, 4:7])
    total, valid = seconds(year, month, day, hour, minute, second)
    sign = np.where(rows[:, 22] == ord("-"), -1, 1)
    hours, minutes = _number(rows, 23, 25), _number(rows, 25, 27)
    offset = sign * (hours * 60 + minutes) * 60
    valid &= known & np.isin(rows[:, 22], list(b"+-"))
    valid &= (hours <= MOST_HOURS) & (minutes <= MOST_MINUTES)
    for at, mark in CLF_MARKS:
        valid &= rows[:, at] == ord(mark)
    numbers = np.r_[1:3, 8:12, 13:15, 16:18, 19:21, 23:27]
    valid &= (rows[:, numbers] - DIGIT < 10).all(axis=1)
    ms[there] = np.where(valid, (total - offset) * 1000, NO_TIME)
    return ms


def fixed(texts: pa.Array, size: int) -> np.ndarray:
    """The bytes of texts that are all of one size: uint8, one row each."""
    binary = texts.cast(pa.binary(size))
    count = len(binary) * size
    data = np.frombuffer(binary.buffers()[1], np.uint8, count, binary.offset * size)
    return data.reshape(-1, size)


def of_stamps(stamps: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since 1970 of texts like "2026-11-25T14:00:00", and whether there is such a time."""
    rows = fixed(stamps, STAMP)
    return seconds(*(_number(rows, *part) for part in STAMP_PARTS))


def seconds(*parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since 1970 of year, month, day, hour, minute and second, and whether they exist."""
    year, month, day, hour, minute, second = parts
    months = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = months.astype("datetime64[D]") + (day - 1)
    valid = (days.astype("datetime64[M]") == months) & (month >= 1) & (month <= 12)
    valid &= (hour < 24) & (minute < 60) & (second <= 60)  # 60: a leap second
    return ((days.astype(np.int64) * 24 + hour) * 60 + minute) * 60 + second, valid


def _number(rows: np.ndarray, first: int, stop: int) -> np.ndarray:
    digits = rows[:, first:stop].astype(np.int64) - DIGIT
    number: np.ndarray = digits @ 10 ** np.arange(stop - first)[::-1]
    return number


def _month(letters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    names = np.frombuffer(MONTHS, np.uint8).reshape(12, 3)
    fits = (letters[:, None, :] == names[None]).all(axis=2)
    return fits.argmax(axis=1) + 1, fits.any(axis=1)


def _all_end_in(texts: pa.Array, ending: str) -> bool:
    return bool(pc.all(pc.ends_with(texts, ending)).as_py())


def _iso_one_by_one(texts: pa.Array) -> np.ndarray:
    ms = np.full(len(texts), NO_TIME)
    groups = pc.extract_regex(texts, ISO)
    there = np.flatnonzero(groups.is_valid())
    if len(there) == 0:
        return ms
    groups = groups.take(pa.array(there))
    ms[there] = of_parts(*(groups.field(name) for name in ("stamp", "fraction", "zone")))
    return ms


def of_parts(stamps: pa.Array, fractions: pa.Array, zones: pa.Array) -> np.ndarray:
    """Times of texts like "2026-11-25T14:00:00", "123" and "+01:00" beside one another.

    A zone may lack its colon or its minutes; none, or Z, is UTC.
    """
    total, valid = of_stamps(stamps)
    fraction = pc.ascii_rpad(fractions, 3, "0").cast(pa.int64()).to_numpy()
    coded = zones.dictionary_encode()
    each = np.array([_minutes(zone) for zone in coded.dictionary.to_pylist()])
    minutes = each[coded.indices.to_numpy()]
    valid &= minutes != NO_TIME
    found: np.ndarray = np.where(valid, (total - minutes * 60) * 1000 + fraction, NO_TIME)
    return found


def _minutes(zone: str) -> int:
    """Minutes ahead of UTC; NO_TIME where there is no such zone."""
    digits = zone.strip(" Zz").replace(":", "")
    if not digits:
        return 0
    hours, minutes = int(digits[1:3]), int(digits[3:] or 0)
    if hours > MOST_HOURS or minutes > MOST_MINUTES:
        return NO_TIME
    return -(hours * 60 + minutes) if digits.startswith("-") else hours * 60 + minutes
