"""What is said of lines before they are read: by whoever brings them, and by those before them."""

from dataclasses import dataclass, replace
from typing import Any

from pipeline.decode import are_envelopes
from pipeline.sources import Source
from pipeline.stream.log import Incoming


@dataclass(frozen=True, slots=True)
class Origin:
    """What is said about some lines: source, declared formats, log group, time of arrival."""

    source: Source
    formats: tuple[str, ...]
    log_group: str
    arrival_ms: int


@dataclass(frozen=True, slots=True)
class Carry:
    """What the lines of a file so far mean for those behind them."""

    header: str = ""
    time_ms: int | None = None
    plain: bool = False

    def after(self, origin: Origin, lines: bytes) -> "Carry":
        """The same behind some more lines."""
        source = origin.source
        plain = self.plain or not are_envelopes(lines)
        header = source.carry(lines, self.header) if source.carry else self.header
        if source.carry_time is None:
            return Carry(header, None, plain)
        return Carry(header, source.carry_time(lines, self.time_ms, origin.arrival_ms), plain)

    def given_to(self, record: Incoming) -> Incoming:
        """A record of the lines behind."""
        return replace(record, header=self.header, time_ms=self.time_ms, plain=self.plain)


def carried(known: dict[str, Any]) -> tuple[str, int | None, bool]:
    """The parts of a `Carry` as the table `input` has them."""
    return known["header"], known["time_ms"], bool(known["plain"])
