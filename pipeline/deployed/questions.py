"""The audit's questions to Athena.

What a record became is in the table `batch`; its rows carry the arrival that is said there, to the
millisecond: so what was promised is compared with what landed by arrival. A retry of a stream's
record writes the same rows with the same arrival, and is one. What CloudWatch Logs sends straight
to the function has no arrival of its own: a retry is another one, of the same record and the same
rows. Each of them that came to its end is held to its own word; `batch` is counted once a record.

Landing is asked as the files' table has it, watermark or not, because its folders of arrival prune.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.lake.glue import LANDING_FILES
from pipeline.queries.dialect.athena import literal
from pipeline.queries.window import Window
from pipeline.schema import BATCH, REJECT, Table

_LEDGER = """
SELECT
    source,
    date_trunc('hour', event_time) AS hour,
    sum(CASE WHEN attempt_at = 1 THEN events_in ELSE 0 END) AS events_in,
    sum(CASE WHEN attempt_at = 1 THEN "rows" ELSE 0 END) AS "rows",
    sum(CASE WHEN attempt_at = 1 THEN rejected ELSE 0 END) AS rejected,
    sum(CASE WHEN attempt_at = 1 THEN dropped ELSE 0 END) AS dropped,
    count_if(events_in <> "rows" + rejected + dropped) AS wrong,
    min(CASE WHEN events_in <> "rows" + rejected + dropped THEN event_time END) AS first_wrong
FROM (
    SELECT
        source, event_time, events_in, "rows", rejected, dropped,
        row_number() OVER (PARTITION BY source, record_id ORDER BY event_time) AS attempt_at
    FROM {batch}
    WHERE {arrived}
)
GROUP BY source, date_trunc('hour', event_time)
ORDER BY 2, 1
"""
# known: how many other arrivals of an event some record's entry tells of.
_LANDED = """
WITH said AS (
    SELECT
        event_time AS arrived,
        sum("rows") AS told,
        sum(CASE WHEN landed_at < {settled} THEN "rows" ELSE 0 END) AS promised
    FROM {batch}
    WHERE {arrived} AND source = {source}
    GROUP BY event_time
), copies AS (
    SELECT ingest_time AS arrived, event_time, record_id, count(*) AS copies
    FROM {files}
    WHERE {landed}
    GROUP BY ingest_time, event_time, record_id
), known AS (
    SELECT
        c.arrived, c.event_time, c.copies,
        count(s.arrived) OVER (PARTITION BY c.event_time, c.record_id)
            - CASE WHEN s.arrived IS NULL THEN 0 ELSE 1 END AS known
    FROM copies c
    LEFT JOIN said s ON s.arrived = c.arrived
), landed AS (
    SELECT
        arrived, count(*) AS events, sum(copies) AS copies, count_if(known > 0) AS again,
        min(event_time) AS first_event, max(event_time) AS last_event
    FROM known
    GROUP BY arrived
), compared AS (
    SELECT
        coalesce(s.arrived, l.arrived) AS arrived,
        coalesce(s.told, 0) AS told,
        coalesce(s.promised, 0) AS promised,
        coalesce(l.events, 0) AS events,
        coalesce(l.copies, 0) AS copies,
        coalesce(l.events, 0) - coalesce(l.again, 0) AS alone,
        l.first_event,
        l.last_event
    FROM said s
    FULL JOIN landed l ON s.arrived = l.arrived
)
SELECT
    date_trunc('hour', arrived) AS hour,
    sum(events) AS events,
    sum(greatest(promised - events, 0)) AS missing,
    sum(greatest(promised - copies, 0)) AS gone,
    min(CASE WHEN promised > events THEN arrived END) AS first_missing,
    sum(greatest(alone - told, 0)) AS unknown,
    min(CASE WHEN alone > told THEN arrived END) AS first_unknown,
    min(first_event) AS first_event,
    max(last_event) AS last_event
FROM compared
GROUP BY date_trunc('hour', arrived)
ORDER BY 1
"""
_SHOWN = """
WITH landed AS (
    SELECT event_time, record_id, min(ingest_time) AS arrived
    FROM {files}
    WHERE {landed}
    GROUP BY event_time, record_id
), shown AS (
    SELECT event_time, record_id, count(*) AS times
    FROM {view}
    WHERE {happened}
    GROUP BY event_time, record_id
)
SELECT
    date_trunc('hour', l.arrived) AS hour,
    count(s.record_id) AS events,
    count_if(s.record_id IS NULL) AS unseen,
    min(CASE WHEN s.record_id IS NULL THEN l.event_time END) AS first_unseen,
    count_if(s.times > 1) AS repeated,
    min(CASE WHEN s.times > 1 THEN l.event_time END) AS first_repeated
FROM landed l
LEFT JOIN shown s ON s.event_time = l.event_time AND s.record_id = l.record_id
GROUP BY date_trunc('hour', l.arrived)
ORDER BY 1
"""
_REFUSED = """
WITH said AS (
    SELECT
        source,
        event_time AS arrived,
        sum(rejected) AS told,
        sum(CASE WHEN landed_at < {settled} THEN rejected ELSE 0 END) AS promised
    FROM {batch}
    WHERE {arrived}
    GROUP BY source, event_time
), refused AS (
    SELECT source, event_time AS arrived, count(*) AS events
    FROM {reject}
    WHERE {arrived}
    GROUP BY source, event_time
)
SELECT
    coalesce(s.source, r.source) AS source,
    date_trunc('hour', coalesce(s.arrived, r.arrived)) AS hour,
    sum(greatest(coalesce(s.promised, 0) - coalesce(r.events, 0), 0)) AS missing,
    sum(CASE WHEN s.arrived IS NULL
        THEN 0 ELSE greatest(coalesce(r.events, 0) - s.told, 0) END) AS unknown,
    sum(CASE WHEN s.arrived IS NULL THEN r.events ELSE 0 END) AS untold
FROM said s
FULL JOIN refused r ON s.source = r.source AND s.arrived = r.arrived
GROUP BY coalesce(s.source, r.source), date_trunc('hour', coalesce(s.arrived, r.arrived))
ORDER BY 2, 1
"""
_OBJECTS = """
SELECT source, date_trunc('hour', event_time) AS hour, object, count(*) AS events
FROM {reject}
WHERE {arrived} AND object IS NOT NULL
GROUP BY source, date_trunc('hour', event_time), object
ORDER BY 2, 1, 3
"""


@dataclass(frozen=True, slots=True)
class Questions:
    """The texts of SQL about what arrived in a window; all they hold are our own words.

    settled  what was written before it has landed; of later rows the entry may be there already
    """

    arrived: Window
    settled: datetime

    def ledger(self) -> str:
        """Source and hour: events_in, rows, rejected, dropped; wrong: how many records whose sums
        do not hold, first_wrong: arrival of the first of them."""
        return self._text(_LEDGER)

    def landed(self, source: str, table: Table) -> str:
        """Hour: events that landed; missing: how many fewer than promised, gone: of these even if
        each copy were an event of its own; unknown: how many more, which are known from no other
        arrival either; first_missing, first_unknown: their arrival; first_event and last_event."""
        return self._text(_LANDED, files=f"{table.name}{LANDING_FILES}", source=literal(source))

    def shown(self, table: Table, first: datetime, last: datetime) -> str:
        """Hour: events of landing that the view shows; unseen: that it does not, repeated: that it
        shows more than once.

        first, last  event_time of all that landed
        """
        happened = _within("event_time", Window(first, last + timedelta(milliseconds=1)))
        files = f"{table.name}{LANDING_FILES}"
        return self._text(_SHOWN, files=files, view=table.name, happened=happened)

    def refused(self) -> str:
        """Source and hour: missing: rows of `reject` fewer than `batch` tells of, unknown: more,
        untold: at times of which it tells nothing."""
        return self._text(_REFUSED)

    def objects(self) -> str:
        """Source and hour: each object in the quarantine, and how many rejects name it."""
        return self._text(_OBJECTS)

    def _text(self, sql: str, **more: str) -> str:
        window = self.arrived
        words: Mapping[str, str] = {
            "batch": BATCH.name,
            "reject": REJECT.name,
            "arrived": _within("event_time", window),
            "settled": literal(self.settled),
            # A row lies in the folder of when it was written, which is never before it arrived.
            "landed": f"arrival_dt >= {literal(window.first_day)}"
            f" AND {_between('ingest_time', window)}",
            **more,
        }
        return sql.format(**words)


def standing_rejects(arrived: Window, source: str) -> str:
    """Object and record_id of each reject that stands and has an object; source "": of all."""
    return f"""SELECT object, record_id
FROM {REJECT.name}
WHERE {_within("event_time", arrived)} AND object IS NOT NULL{_of_source(source)}
ORDER BY object, record_id"""  # noqa: S608 - own words


def standing_entries(arrived: Window, source: str) -> str:
    """What stands of each record with rejects: record_id, arrived, and its counts."""
    drops = [each.name for each in BATCH if each.name.startswith("dropped_")]
    counts = ", ".join(f'"{name}"' for name in ("events_in", "rows", "rejected", *drops))
    return f"""SELECT record_id, event_time AS arrived, {counts}
FROM {BATCH.name}
WHERE {_within("event_time", arrived)} AND rejected > 0{_of_source(source)}"""  # noqa: S608 - own words


def _of_source(source: str) -> str:
    return f" AND source = {literal(source)}" if source else ""


def _within(column: str, window: Window) -> str:
    first, last = literal(window.first_day), literal(window.last_day)
    return f"dt BETWEEN {first} AND {last} AND {_between(column, window)}"


def _between(column: str, window: Window) -> str:
    return f"{column} >= {literal(window.from_time)} AND {column} < {literal(window.to_time)}"
