"""What the audit of a stack asks its engine, in Athena's dialect.

Each question is bounded by days of arrival. They read the narrow columns alone: identities, times
and the ledger's numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pipeline.lake.glue import LANDING_FILES
from pipeline.sources import NAMES, find


@dataclass(frozen=True, slots=True)
class Period:
    """Records that arrived from `since` on, and were landed before `settled`; both UTC, no zone.

    landing  what the table of landing is called behind the name of a source's table, and what
             bounds a look into it, by day of arrival
    """

    since: datetime
    settled: datetime
    landing: str = LANDING_FILES
    bound: str = "arrival_dt >= '{day}'"

    @property
    def day(self) -> str:
        """The first day of arrival."""
        return f"{self.since:%Y-%m-%d}"

    def landed(self, table: str) -> str:
        """Identities that have landed of a table, with arrival: FROM and WHERE."""
        bound = self.bound.format(day=self.day)
        return f"{table}{self.landing} WHERE {bound} AND ingest_time >= {_at(self.since)}"


def ledger(period: Period) -> str:
    """By source and hour of arrival: what the table `batch` says of records that have settled."""
    return f"""SELECT source, date_trunc('hour', event_time) AS hour, sum(events_in) AS events_in,
    sum(rows) AS rows, sum(rejected) AS rejected, sum(dropped) AS dropped,
    sum(CASE WHEN events_in = rows + rejected + dropped THEN 0 ELSE 1 END) AS wrong
FROM batch
WHERE dt >= '{period.day}' AND event_time >= {_at(period.since)}
    AND landed_at < {_at(period.settled)}
GROUP BY 1, 2"""  # noqa: S608 - times and our own names


def landed(period: Period, sources: Iterable[str] = NAMES) -> str:
    """By source and hour of arrival: rows (each copy of a retry once), and first of their identity.

    And the first and last day of their events.
    """
    parts = []
    for source in sources:
        table = find(source).table.name
        parts.append(
            f"""SELECT '{source}' AS source, date_trunc('hour', ingest_time) AS hour,
    count(*) AS rows, sum(CASE WHEN n = 1 THEN 1 ELSE 0 END) AS firsts,
    min(dt) AS first_day, max(dt) AS last_day
FROM (
    SELECT ingest_time, CAST(CAST(event_time AS date) AS varchar) AS dt, row_number() OVER (
        PARTITION BY event_time, record_id ORDER BY ingest_time
    ) AS n
    FROM (SELECT DISTINCT event_time, record_id, ingest_time FROM {period.landed(table)})
)
GROUP BY 1, 2"""  # noqa: S608 - as above
        )
    return "\nUNION ALL\n".join(parts)


def seen(period: Period, source: str, days: tuple[str, str]) -> str:
    """How many landed identities of a source the view has not, and has more than once."""
    table = find(source).table.name
    first, last = days
    return f"""SELECT sum(CASE WHEN v.times IS NULL THEN 1 ELSE 0 END) AS missing,
    sum(CASE WHEN v.times > 1 THEN 1 ELSE 0 END) AS doubled
FROM (SELECT DISTINCT event_time, record_id FROM {period.landed(table)}) l
LEFT JOIN (
    SELECT event_time, record_id, count(*) AS times
    FROM {table}
    WHERE dt BETWEEN '{first}' AND '{last}'
    GROUP BY 1, 2
) v ON v.event_time = l.event_time AND v.record_id = l.record_id"""  # noqa: S608 - as above


def refused(period: Period) -> str:
    """By source and hour of arrival: rejects."""
    return f"""SELECT source, date_trunc('hour', event_time) AS hour, count(*) AS rejected
FROM reject
WHERE dt >= '{period.day}' AND event_time >= {_at(period.since)}
GROUP BY 1, 2"""  # noqa: S608 - as above


def objects(period: Period) -> str:
    """Objects of the quarantine that rejects name."""
    return f"""SELECT DISTINCT object
FROM reject
WHERE dt >= '{period.day}' AND event_time >= {_at(period.since)} AND object IS NOT NULL
ORDER BY 1"""  # noqa: S608 - as above


def _at(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}'"
