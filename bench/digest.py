"""The digest: a few counts that every case must agree on before it is timed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

HOUR = 1_762_164_000  # 2025-11-03T10:00:00Z; the corpus has rows on both sides of its start


@dataclass(frozen=True, slots=True)
class Digest:
    """What came out of the first invocation.

    rows         rows
    bytes        sum of bytes
    src_private  rows whose src_class is private
    egress       rows whose direction is egress
    https        rows whose service is https
    tcp          rows whose protocol_name is TCP
    hour         rows whose flow started in the hour from HOUR on
    """

    rows: int
    bytes: int
    src_private: int
    egress: int
    https: int
    tcp: int
    hour: int

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """The digest of rows with the base's column names; `start` in epoch seconds."""
        sums = [0] * len(fields(cls))
        for row in rows:
            marks = (
                1,
                row["bytes"] or 0,
                row["src_class"] == "private",
                row["direction"] == "egress",
                row["service"] == "https",
                (row["protocol_name"] or "").upper() == "TCP",
                HOUR <= row["start"] < HOUR + 3_600,
            )
            sums = [total + mark for total, mark in zip(sums, marks, strict=True)]
        return cls(*sums)

    def differences(self, wanted: Self) -> str:
        """Each figure that is not as wanted, in words; empty when there is none."""
        names = [f.name for f in fields(self) if getattr(self, f.name) != getattr(wanted, f.name)]
        return ", ".join(f"{n} {getattr(self, n)} instead of {getattr(wanted, n)}" for n in names)
