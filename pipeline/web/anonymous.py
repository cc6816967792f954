"""Addresses cut to their networks, for a screen that others see and for what is handed on.

IPv4 keeps 24 bits, IPv6 keeps 48: what the page shows while its switch is on. An address in a
longer text is cut in its place; what stands around it, such as a port, stays.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from typing import TYPE_CHECKING

from pipeline.queries import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import pyarrow as pa

    from pipeline.queries.engines import Progress, Running, Statistics

_OCTET = r"(?:25[0-5]|2[0-4]\d|[01]?\d?\d)"
_FOUR = rf"(?<!\d)({_OCTET}\.{_OCTET}\.{_OCTET})\.{_OCTET}(?!\d)(?:/24(?!\d))?"
# Groups with colons, of which the last may be a port, or written as IPv4 is: whether they are an
# address is another question, for a time of day has them too. No place is looked at twice.
_SIX = (
    r"(?<!\w)((?:[0-9A-Fa-f]{0,4}:){2,}"
    rf"(?:{_OCTET}(?:\.{_OCTET}){{3}}(?!\d)|[0-9A-Fa-f]{{1,4}})?)(?!\w)(?:/(?:24|48)(?!\d))?"
)
FOUR, ADDRESS = re.compile(_FOUR, re.A), re.compile(f"{_SIX}|{_FOUR}", re.A)
FOUR_KEPT, SIX_KEPT = r"\1.0/24", 48
# Characters of the longest address, and of a port behind it.
LONGEST = 45 + 6
# Longer texts are seldom the same.
SHORT = 64


def anonymised(answer: Answer) -> Answer:
    """The same answer with the addresses in its text columns cut."""
    running = _Cut(answer.running, answer.table)
    return Answer(
        answer.name,
        answer.declared,
        answer.window,
        answer.seconds,
        answer.engine,
        answer.cost,
        running,
    )


def hidden(text: str) -> str:
    """A text with its addresses cut: `from 10.0.14.0/24:443`, `[2001:db8:40::/48]:443`."""
    return _known(text) if len(text) <= SHORT else ADDRESS.sub(_network, text)


@lru_cache(maxsize=1 << 16)
def _known(text: str) -> str:
    return ADDRESS.sub(_network, text)


def _network(found: re.Match[str]) -> str:
    """What stands in the place of something that looks like an address."""
    groups = found[1]
    if groups is None:
        return found.expand(r"\2.0/24")
    # A port may stand behind all eight groups, or a colon that ends the address.
    address, colon, port = groups.rpartition(":")
    for text, rest in ((groups, ""), (address, colon + port)):
        if len(text) <= LONGEST and _is_six(text):
            return f"{ip_network((text, SIX_KEPT), strict=False)}{rest}"
    return FOUR.sub(FOUR_KEPT, found[0])


def _is_six(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Cut:
    """A run whose rows are others."""

    running: "Running"
    table: "pa.Table"

    def poll(self) -> "Progress":
        """How far it is."""
        return self.running.poll()

    def cancel(self) -> None:
        """Break it off."""
        self.running.cancel()

    def pages(self) -> "Iterator[pa.Table]":
        """The rows, cut."""
        import pyarrow as pa

        columns = [
            pa.chunked_array([_cut(values)]) if pa.types.is_string(values.type) else values
            for values in self.table.columns
        ]
        yield pa.table(columns, names=self.table.column_names)

    def frame(self) -> "pd.DataFrame":
        """The rows as a frame."""
        frame: pd.DataFrame = next(iter(self.pages())).to_pandas()
        return frame

    def statistics(self) -> "Statistics":
        """What it cost."""
        return self.running.statistics()


def _cut(values: "pa.ChunkedArray") -> "pa.Array":
    import pyarrow as pa

    told = [None if each is None else hidden(each) for each in values.to_pylist()]
    return pa.array(told, pa.string())
