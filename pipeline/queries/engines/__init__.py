"""The port that an engine fills: start a question, poll it, cancel it, take its rows in pages.

`duckdb` answers from a home on this machine, `athena` from a deployed stack.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.errors import QueryFailed, TailraceError
from pipeline.queries.front_matter import SavedQuery
from pipeline.queries.parameters import Value
from pipeline.queries.window import TYPES, Window

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pipeline.queries.tables import Shown
    from pipeline.queries.translated import Translation


@dataclass(frozen=True)
class Question:
    """A query ready to be asked of any engine.

    query   what was saved, or a text of SQL under a name that is none
    values  of its parameters and of the window, by name; it need not use them all
    """

    query: SavedQuery
    window: Window | None
    values: Mapping[str, Value]

    @property
    def types(self) -> dict[str, str]:
        """SQL types of all that it may bind, by name."""
        return {**TYPES, **{parameter.name: parameter.type for parameter in self.query.params}}

    @cached_property
    def for_athena(self) -> tuple[str, tuple[str, ...]]:
        """The text with `?` where a parameter stands, and their names in that order."""
        from pipeline.queries.dialect.athena import to_athena

        return to_athena(self.query.sql, self.types)

    @property
    def views(self) -> Collection[str]:
        """What it reads, as far as that can be told: a text for Athena may be beyond us."""
        try:
            return self.for_duckdb.views
        except QueryFailed:
            return ()

    @property
    def bound(self) -> dict[str, Value]:
        """The values that it uses, by name."""
        used = self.for_athena[1]
        return {name: value for name, value in self.values.items() if name in used}

    @cached_property
    def for_duckdb(self) -> "Translation":
        """The statement for DuckDB, and what it reads and binds.

        Raises QueryFailed for what is refused.
        """
        if self.prepared:
            return self.prepared
        from pipeline.queries.dialect.bridge import translate

        return translate(self.query.sql, self.types)

    @cached_property
    def shown(self) -> "Shown":
        """What it reads. Raises QueryFailed for what is refused."""
        from pipeline.queries.tables import declared, noted, shown_by

        views = self.for_duckdb.views
        columns = noted() if self.prepared else None
        if columns:
            # A newer source than the file is declared all the same.
            with suppress(KeyError):
                return shown_by(views, columns)
        return shown_by(views, declared())

    @cached_property
    def prepared(self) -> "Translation | None":
        """The translation of a saved query that was made beforehand, where there is one."""
        from pipeline.queries import translated

        return translated.known(self.query) if self.query.path else None

    @property
    def where(self) -> str:
        """Where it stands, for an error."""
        return f"in {self.query.path or 'the text of --sql'}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an engine is. `state` in the words of Athena: QUEUED, RUNNING, SUCCEEDED ..."""

    state: str
    done: bool
    bytes_scanned: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """What an answer cost.

    bytes_scanned  here the sizes of the files that were opened, on Athena what it bills
    usd            estimated from the rate in the settings; 0 on this machine and for a reused one
    reused         the engine gave the answer of an earlier run
    id             what the engine calls the run; "" where it does not
    as_of          newest event_time of the tables that were read; None: there is none
    dated          whether the engine knows as_of
    home           the folder that was read; None on Athena
    demo           it is the demo's, for the home itself holds nothing
    made           when the rows were made, where that was for somebody else before
    window         what they are of, where that is not what was asked for
    """

    bytes_scanned: int
    usd: float = 0.0
    reused: bool = False
    id: str = ""
    as_of: datetime | None = None
    dated: bool = True
    home: Path | None = None
    demo: bool = False
    made: datetime | None = None
    window: Window | None = None


class Running(Protocol):
    """A question on its way; left by its context, whatever it still holds is let go."""

    def poll(self) -> Progress:
        """How far it is; waits a moment. Raises QueryFailed when it has failed."""

    def cancel(self) -> None:
        """Break it off, and come back when the engine has let go of it."""

    def pages(self) -> Iterator["pa.Table"]:
        """The rows of one that is done; at least one page, which may be empty."""

    def frame(self) -> "pd.DataFrame":
        """The rows of one that is done as a pandas frame, by the road that is made for many."""

    def statistics(self) -> Statistics:
        """What it cost; of one that is done."""


class Engine(Protocol):
    """Where questions are answered."""

    name: str

    def start(self, question: Question) -> AbstractContextManager[Running]:
        """Begin to answer. Raises QueryFailed for SQL that it does not take."""


Watch = Callable[[Progress], None]


def wait(running: Running, enough: Callable[[], bool], watch: Watch) -> None:
    """Wait until it is done; whoever interrupts, or has had enough, cancels it first.

    Raises QueryFailed when it fails or takes longer than `enough` allows.
    """
    try:
        while not (progress := running.poll()).done:
            watch(progress)
            if enough():
                running.cancel()
                fix = "ask for a shorter window"
                raise QueryFailed("the query took too long and was broken off", "", fix)
    except KeyboardInterrupt as interrupt:
        try:
            running.cancel()
        except TailraceError as error:
            # Whoever interrupts wants to be gone; that it goes on there is said nevertheless.
            interrupt.add_note(str(error))
        raise
