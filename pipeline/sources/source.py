"""What a source is: a table, a columnar parser, and the enrichers of its rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.decode import LogBatch
from pipeline.enrich import Enricher
from pipeline.errors import UsageError
from pipeline.reading.parsed import Formats, Parsed
from pipeline.schema import Table

Parse = Callable[[LogBatch, Formats], Parsed]


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of log.

    name           as on the command line, with hyphens
    table          its table, enrichment included
    parse          columnar and total: every line comes out once
    enrich         in the order they run; each declares the fields it adds
    check_format   raises UsageError for a declared format that is none; None: takes no format
    format_from    where its owner finds the format, for whoever declared another; "": takes none
    has_time       whether lines of these formats carry a time of their own
    time_from      what of a format does, for whoever left it out
    note_of        what to tell about a format that can be used, but may not be meant; "" else
    carry          (lines of a file, header so far) -> the header in force after them
    request        for web requests: which columns serve as those of `http_request` by its names,
                   where they have other names; None: it logs none
    carry_time     (lines of a file, time so far, arrival) -> time that a line without one inherits
    """

    name: str
    table: Table
    parse: Parse
    enrich: Sequence[Enricher] = ()
    check_format: Callable[[str], None] | None = None
    format_from: str = ""
    has_time: Callable[[Sequence[str]], bool] = lambda formats: True
    time_from: str = ""
    note_of: Callable[[str], str] = lambda format_text: ""
    carry: Callable[[bytes, str], str] | None = None
    request: Mapping[str, str] | None = None
    carry_time: Callable[[bytes, int | None, int], int | None] | None = None

    def check_formats(self, formats: Sequence[str]) -> None:
        """Raise UsageError for a declared format that its lines cannot be read by."""
        if formats and self.check_format is None:
            fix = "leave it out: its lines describe themselves"
            raise UsageError(f"{self.name} takes no format", f"in {formats[0][:300]!r}", fix)
        for text in formats:
            if self.check_format is not None:
                self.check_format(text)
