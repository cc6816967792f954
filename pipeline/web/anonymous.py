"""Addresses cut to their networks, for a screen that others see and for what is handed on.

IPv4 keeps 24 bits, IPv6 keeps 48: what the page shows while its switch is on.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from pipeline.queries import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import pyarrow as pa

    from pipeline.queries.engines import Progress, Running, Statistics

KEPT_BITS = {4: 24, 6: 48}


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


@lru_cache(maxsize=1 << 16)
def network_of(text: str) -> str:
    """An address without what tells hosts apart: 10.0.14.0/24; any other text as it is."""
    try:
        address = ip_address(text)
    except ValueError:
        return text
    return str(ip_network(f"{address}/{KEPT_BITS[address.version]}", strict=False))


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

    told = [None if each is None else network_of(each) for each in values.to_pylist()]
    return pa.array(told, pa.string())
