"""Rows of a batch as counts by minute: each key once, whatever it was counted from."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.counters.board import ASSET, BOT, KINDS, MINUTE_MS, Counted
from pipeline.counters.declared import Part, Ranking
from pipeline.schema import EVENT_TIME

ARRIVAL = "ingest_time"


def counts_of(ranking: Ranking, part: Part, rows: pa.Table) -> Iterator[Counted]:
    """Counts of some rows of a table by minute of the event; rows that come too late are left out.

    What is late follows from the row alone, so that the same row counts, or does not, each time.
    """
    if part.keep is not None:
        rows = rows.filter(part.keep(rows))
    keys, codes = _coded(rows, part.key)
    times, arrivals = _ms(rows, EVENT_TIME.name), _ms(rows, ARRIVAL)
    good = (codes >= 0) & (arrivals - times <= ranking.late_minutes * MINUTE_MS)
    sums = _measured(rows, part)
    if not good.all():
        codes, times, sums = codes[good], times[good], sums[good]
    if not len(codes):
        return
    minutes, kinds = times // MINUTE_MS, _kinds(rows, part)[good]
    first, size = int(minutes.min()), len(keys) * KINDS
    places = (minutes - first) * size + codes.astype(np.int64) * KINDS + kinds
    found, at = np.unique(places, return_inverse=True)
    counts = np.zeros(len(found), np.int64)
    np.add.at(counts, at, sums)
    of_minute, within = np.divmod(found, size)
    at_keys, of_kind = np.divmod(within, KINDS)
    names = keys.cast(pa.string()).take(pa.array(at_keys)).to_pylist()
    cuts = np.flatnonzero(np.diff(of_minute)) + 1
    for begin, end in pairwise([0, *cuts.tolist(), len(found)]):
        some = slice(begin, end)
        minute = first + int(of_minute[begin])
        yield Counted(minute, names[some], of_kind[some], counts[some])


def titles_of(part: Part, rows: pa.Table) -> dict[str, str]:
    """The last title of each key that has one."""
    keys, codes = _coded(rows, part.key)
    titles, title_codes = _coded(rows, part.title)
    # The last one is the first of them backwards.
    there = np.flatnonzero((codes >= 0) & (title_codes >= 0))[::-1]
    # An empty title is none.
    there = there[~np.isin(title_codes[there], np.flatnonzero(pc.equal(titles, "")))]
    found, at = np.unique(codes[there], return_index=True)
    last = title_codes[there][at]
    pairs = zip(_taken(keys, found), _taken(titles, last), strict=True)
    return dict(pairs)


def _coded(rows: pa.Table, name: str) -> tuple[pa.Array, np.ndarray]:
    """The values of a column, each once, and which of them each row has; -1 for none."""
    column = rows[name].combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    return column.dictionary, column.indices.fill_null(-1).to_numpy()


def _taken(values: pa.Array, places: np.ndarray) -> list[str]:
    taken: list[str] = values.take(pa.array(places)).to_pylist()
    return taken


def _measured(rows: pa.Table, part: Part) -> np.ndarray:
    if not part.measure:
        return np.ones(len(rows), np.int64)
    values: np.ndarray = rows[part.measure].combine_chunks().fill_null(0).to_numpy()
    return values


def _kinds(rows: pa.Table, part: Part) -> np.ndarray:
    kinds = np.zeros(len(rows), np.int64)
    for name, bit in zip(part.kinds or (), (BOT, ASSET), strict=False):
        flags = rows[name].combine_chunks().fill_null(False)
        kinds += flags.to_numpy(zero_copy_only=False) * bit
    return kinds


def _ms(rows: pa.Table, name: str) -> np.ndarray:
    values: np.ndarray = rows[name].combine_chunks().cast(pa.int64()).to_numpy()
    return values
