-- name: intake
-- title: Intake
-- description: what arrived, and what became of it, by hour
-- subject: health
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 200 -- rows at most
-- column: hour timestamp(3) -- of arrival, UTC
-- column: source varchar
-- column: records bigint (records)
-- column: events_in bigint (events)
-- column: rows bigint (rows) -- events that became rows
-- column: rejected bigint (events) -- events in the quarantine
-- column: dropped bigint (events) -- events left out on purpose
-- column: unaccounted bigint (events) -- what is left: 0
-- column: bytes_in bigint (bytes) -- size of the records as they arrived
--
-- The audit compares this with the files of the lake: tailrace audit.
SELECT
    date_trunc('hour', event_time) AS hour,
    source,
    count(*) AS records,
    sum(events_in) AS events_in,
    sum(rows) AS rows,
    sum(rejected) AS rejected,
    sum(dropped) AS dropped,
    sum(events_in) - sum(rows) - sum(rejected) - sum(dropped) AS unaccounted,
    sum(bytes_in) AS bytes_in
FROM batch
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY 1, 2
ORDER BY hour DESC, source
LIMIT :top
