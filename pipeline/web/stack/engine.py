"""The engine behind the page of a stack: what is there is given, Athena is asked for money only.

What a query reads is not known beforehand: Athena's EXPLAIN is free, but shows no statistics, and
its type IO is gone with engine version 2. So the price is what the same query read last, for each
day that it touched, since a day of a table is what Athena can leave out; and where it never ran,
only the most that it can be is told: what the workgroup breaks a query off at.

An estimate binds nobody, so what was agreed to is held while the query runs, too: as soon as Athena
says that it has read more, it is broken off. What it tells only at the end is paid all the same.

Sources: Athena User Guide, "Using EXPLAIN and EXPLAIN ANALYZE in Athena", "Workgroup settings";
"Amazon Athena Pricing" (10 MB at least for each query); API Reference, "GetWorkGroup".
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline import aws
from pipeline.queries.engines import Engine, Progress, Question, Running, Statistics
from pipeline.queries.engines.athena import LEAST_BILLED, TERABYTE
from pipeline.queries.engines.stored import Stored
from pipeline.queries.window import MOMENT, Window
from pipeline.web.answers import HttpError
from pipeline.web.reader import Price
from pipeline.web.stack.answered import Answered

if TYPE_CHECKING:
    import boto3
    import pandas as pd

PAYMENT_REQUIRED = 402
# As finely as a request says what it pays.
HEADER_DIGITS = 12


@dataclass
class Spent:
    """What was asked of Athena for whoever looks, since the page was started."""

    queries: int = 0
    bytes_scanned: int = 0
    usd: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def add(self, cost: Statistics) -> None:
        """Count a query, whatever became of it."""
        with self._lock:
            self.queries += 1
            self.bytes_scanned += cost.bytes_scanned
            self.usd += cost.usd


@dataclass
class Desk:
    """Answers with their prices.

    athena      asks the stack
    usd_per_tb  what a terabyte scanned costs
    limit       bytes at which the workgroup breaks a query off; None: nowhere
    """

    athena: Engine
    answered: Answered
    usd_per_tb: float
    limit: Callable[[], int | None]
    spent: Spent = field(default_factory=Spent)

    @cached_property
    def _limit(self) -> int | None:
        return self.limit()

    def price(self, question: Question) -> Price:
        """What an answer costs now. Raises TailraceError where AWS does not tell."""
        if self.answered.find(question) is not None:
            return Price(0.0, None, "kept", 0.0)
        most = None if self._limit is None else self.usd_of(self._limit)
        wanted = _days(question.window, question.query.lookback)
        read = [
            each.cost.bytes_scanned / _days(each.cost.window, question.query.lookback)
            for each in self.answered.like(question)
        ]
        if not read:
            return Price(None, None, "limit", most)
        # Those of a short window say little of a long one, and the other way round: the dearer one.
        scanned = round(max(read) * wanted)
        if self._limit is not None:
            scanned = min(scanned, self._limit)
        return Price(self.usd_of(scanned), scanned, "last_run", most)

    def usd_of(self, scanned: int) -> float:
        """What Athena bills for so many bytes, 10 MB at least."""
        usd = max(scanned, LEAST_BILLED) / TERABYTE * self.usd_per_tb
        return round(usd, HEADER_DIGITS)


@dataclass
class Paying:
    """The engine for one who pays at most so many USD for an answer."""

    desk: Desk
    most_usd: float
    name: str = "athena"

    @contextmanager
    def start(self, question: Question) -> Iterator[Running]:
        """Give what is there, else ask Athena. Raises HttpError 402 where it costs more."""
        asked = self.desk.answered.clock()
        found = self.desk.answered.find(question)
        if found is not None:
            yield found
            return
        price = self.desk.price(question)
        least = price.most_usd if price.usd is None else price.usd
        if least is None or least > self.most_usd:
            raise HttpError(
                PAYMENT_REQUIRED,
                f"Athena has to be asked, {_words(price)}",
                question.query.name,
                "ask with the header tailrace-most-usd, or wait until it is asked on schedule",
            )
        running: Running | None = None
        try:
            with self.desk.athena.start(question) as running:
                yield Paid(self.desk, question, running, asked, self.most_usd)
        finally:
            # What fails or is broken off has read something as well.
            if running is not None:
                self.desk.spent.add(running.statistics())


@dataclass(frozen=True)
class Paid:
    """A question that Athena works on; its answer is kept."""

    desk: Desk
    question: Question
    running: Running
    asked: datetime
    most_usd: float

    def poll(self) -> Progress:
        """How far it is. Raises HttpError 402 where it costs more than was agreed to."""
        progress = self.running.poll()
        usd = self.desk.usd_of(progress.bytes_scanned)
        if progress.done or usd <= self.most_usd:
            return progress
        self.running.cancel()
        raise HttpError(
            PAYMENT_REQUIRED,
            f"it was broken off when it had cost {usd:.6f} USD, which is more than was agreed to",
            self.question.query.name,
            "agree to more in the header tailrace-most-usd, or ask for a shorter window",
        )

    def cancel(self) -> None:
        """Break it off."""
        self.running.cancel()

    def pages(self) -> Iterator[pa.Table]:
        """The rows; they are kept for who asks the same."""
        yield self._stored.table

    def frame(self) -> "pd.DataFrame":
        """The rows as a pandas frame."""
        return self._stored.frame()

    def statistics(self) -> Statistics:
        """What it cost, and when it was asked."""
        return replace(self.running.statistics(), as_of=self.asked)

    @cached_property
    def _stored(self) -> Stored:
        cost = self.statistics()
        table = pa.concat_tables(self.running.pages())
        window = self.question.window
        found = Stored(table, replace(cost, usd=0.0, reused=True, made=self.asked, window=window))
        self.desk.answered.keep(self.question, found, self.asked)
        return found


def _days(window: Window | None, lookback: str) -> int:
    """Days of the tables that a window touches."""
    if window is None:
        return 1
    back = window.reaching_back(lookback)
    return ((back.to_time - MOMENT).date() - back.from_time.date()).days + 1


def _words(price: Price) -> str:
    if price.usd is not None:
        return f"which costs about {price.usd:.6f} USD"
    if price.most_usd is None:
        return "and nothing says what it costs: the workgroup has no limit"
    return f"which costs {price.most_usd:.2f} USD at most"


def limit_of(session: "boto3.Session", workgroup: str) -> int | None:
    """Bytes at which a workgroup breaks a query off; None where it does not.

    Raises TailraceError where Athena does not tell.
    """
    with aws.told("Athena", f"workgroup {workgroup}"):
        client = session.client("athena", config=aws.patience())
        said = client.get_work_group(WorkGroup=workgroup)["WorkGroup"]
    return said.get("Configuration", {}).get("BytesScannedCutoffPerQuery")
