-- name: intake_over_time
-- title: Intake over time
-- description: what arrived, what became of it, how long it waited
-- subject: health
-- panel: series
-- since: 1h
-- param: bucket integer 1..86400 = 60 -- seconds in a bucket
-- param: top integer 1..100000 = 10000 -- buckets at most, the oldest first
-- column: bucket_start timestamp(3) -- first moment of the bucket, UTC
-- column: records bigint (records)
-- column: events_in bigint (events)
-- column: rows bigint (rows) -- events that became rows
-- column: rejected bigint (events) -- events in the quarantine
-- column: dropped bigint (events) -- events left out on purpose
-- column: unaccounted bigint (events) -- what is left: 0
-- column: p95_ms bigint (ms) -- wait that 95 of 100 records stay within, from arrival to lake
--
-- The window is one of arrival. Buckets of which nothing came are left out. The percentile is
-- exact: a value that occurs.
SELECT
    date_add(
        'second',
        date_diff('second', TIMESTAMP '1970-01-01 00:00:00.000', event_time) / :bucket * :bucket,
        TIMESTAMP '1970-01-01 00:00:00.000'
    ) AS bucket_start,
    count(*) AS records,
    sum(events_in) AS events_in,
    sum(rows) AS rows,
    sum(rejected) AS rejected,
    sum(dropped) AS dropped,
    sum(events_in) - sum(rows) - sum(rejected) - sum(dropped) AS unaccounted,
    element_at(
        array_agg(
            date_diff('millisecond', event_time, landed_at)
            ORDER BY date_diff('millisecond', event_time, landed_at)
        ) FILTER (WHERE landed_at IS NOT NULL),
        greatest(CAST(ceil(0.95e0 * count(landed_at)) AS bigint), 1)
    ) AS p95_ms
FROM batch
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY 1
ORDER BY bucket_start
LIMIT :top
