"""The audit of a stack: the ledger against landing, view, quarantine, failure store and errors.

The ledger is the table `batch`, a row for each record, which travels as the rows do. Rows of tables
travel by streams of their own: what was written lately may be there of one and not yet of another.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.ledger.findings import Audit, Finding, Hour
from pipeline.schema import HOUR_MS
from pipeline.stack import questions
from pipeline.stack.questions import Period
from pipeline.stack.remains import Remains

# Firehose waits for 15 minutes at the longest, then writes, then tries again.
SETTLES = timedelta(minutes=30)
SHOWN = 20
Rows = Sequence[Mapping[str, Any]]
# Answers a text of SQL with rows.
Ask = Callable[[str], Rows]


def period_of(since: datetime, now: datetime) -> Period:
    """The period that is audited; aware times, UTC."""
    return Period(_plain(since), _plain(now - SETTLES))


def audit(ask: Ask, period: Period, remains: Remains) -> Audit:
    """Audit what arrived in a period.

    Raises QueryFailed or TailraceError when the engine or S3 does not answer.
    """
    books = _Books()
    for row in ask(questions.ledger(period)):
        books.enter(row)
    landed = [*ask(questions.landed(period))]
    findings = [*books.landed(landed)]
    findings += _unseen(ask, period, landed)
    findings += books.refused(ask(questions.refused(period)))
    findings += _gone([row["object"] for row in ask(questions.objects(period))], remains)
    findings += _left(remains)
    for finding in findings:
        hour = books.hours.get((finding.source, finding.hour))
        if hour is not None and finding.unbalances:
            hour.balanced = False
    return Audit([books.hours[key] for key in sorted(books.hours)], findings)


@dataclass
class _Books:
    """The ledger by source and hour of arrival (hours since the epoch)."""

    hours: dict[tuple[str, int], Hour] = field(default_factory=dict)
    wrong: dict[tuple[str, int], int] = field(default_factory=dict)

    def enter(self, row: Mapping[str, Any]) -> None:
        source, at = row["source"], _hour(row["hour"])
        self.hours[source, at] = Hour(
            source,
            at,
            events_in=int(row["events_in"]),
            rows=int(row["rows"]),
            rejected=int(row["rejected"]),
            dropped=int(row["dropped"]),
        )
        self.wrong[source, at] = int(row["wrong"])

    def landed(self, rows: Rows) -> Iterator[Finding]:
        """Rows that the ledger knows and landing has not; what came more than once is counted."""
        there = {(row["source"], _hour(row["hour"])): row for row in rows}
        for key, hour in self.hours.items():
            if self.wrong[key]:
                detail = f"{self.wrong[key]:,} records whose numbers do not add up"
                yield Finding("ledger", hour.name, detail, *key)
            row = there.get(key)
            found = int(row["rows"]) if row else 0
            hour.duplicates = max(hour.rows - (int(row["firsts"]) if row else 0), 0)
            if found < hour.rows:
                hour.duplicates = max(hour.duplicates - (hour.rows - found), 0)
                detail = (
                    f"{hour.rows - found:,} of {hour.rows:,} rows are not in landing"
                    " (or came twice in one millisecond)"
                )
                yield Finding("landing", f"{hour.source}, {hour.name}", detail, *key)

    def refused(self, rows: Rows) -> Iterator[Finding]:
        """Rejects that the ledger knows and the table `reject` has not."""
        there = {(row["source"], _hour(row["hour"])): int(row["rejected"]) for row in rows}
        for key, hour in self.hours.items():
            missing = hour.rejected - there.get(key, 0)
            if missing > 0:
                detail = f"{missing:,} of {hour.rejected:,} rejects are not in the table reject"
                yield Finding("reject", f"{hour.source}, {hour.name}", detail, *key)


def _unseen(ask: Ask, period: Period, landed: Rows) -> Iterator[Finding]:
    for source in sorted({row["source"] for row in landed}):
        mine = [row for row in landed if row["source"] == source]
        days = min(row["first_day"] for row in mine), max(row["last_day"] for row in mine)
        (row,) = ask(questions.seen(period, source, days))
        for name, what in (("missing", "are not in the view"), ("doubled", "are there twice")):
            if row[name]:
                detail = f"{int(row[name]):,} events that have landed {what}"
                yield Finding("view", source, detail, source)


def _gone(named: Sequence[str], remains: Remains) -> Iterator[Finding]:
    kept = remains.quarantined({_folder(key) for key in named})
    for key in named:
        if key not in kept:
            yield Finding("quarantine", key, "a reject names it, and it is not there")


def _left(remains: Remains) -> Iterator[Finding]:
    """What was given up on the way, and nobody has sent again."""
    for error in remains.errors():
        detail = f"Firehose could not write {error.told}; tailrace replay --failed sends it again"
        yield Finding("firehose", error.uri, detail)
    for uri in remains.given_up():
        detail = "Lambda gave these records up; tailrace replay --failed sends them again"
        yield Finding("failure store", uri, detail)


def _folder(key: str) -> str:
    return key.rpartition("/")[0] + "/"


def _hour(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000) // HOUR_MS


def _plain(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)
