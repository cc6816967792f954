-- name: lag
-- title: Lag
-- description: how long records wait between arrival and lake
-- subject: health
-- panel: table
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: source varchar
-- column: records bigint (records)
-- column: p50_ms bigint (ms) -- wait that half of the records stay within
-- column: p95_ms bigint (ms) -- wait that 95 of 100 records stay within
-- column: p99_ms bigint (ms) -- wait that 99 of 100 records stay within
-- column: longest_ms bigint (ms)
-- column: bytes_in bigint (bytes) -- size of the records as they arrived
--
-- The window is one of arrival. The percentiles are exact: values that occur.
WITH waits AS (
    SELECT
        source,
        date_diff('millisecond', event_time, landed_at) AS wait_ms,
        bytes_in
    FROM batch
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
)

SELECT
    source,
    count(*) AS records,
    element_at(
        array_agg(wait_ms ORDER BY wait_ms) FILTER (WHERE wait_ms IS NOT NULL),
        greatest(CAST(ceil(0.5e0 * count(wait_ms)) AS bigint), 1)
    ) AS p50_ms,
    element_at(
        array_agg(wait_ms ORDER BY wait_ms) FILTER (WHERE wait_ms IS NOT NULL),
        greatest(CAST(ceil(0.95e0 * count(wait_ms)) AS bigint), 1)
    ) AS p95_ms,
    element_at(
        array_agg(wait_ms ORDER BY wait_ms) FILTER (WHERE wait_ms IS NOT NULL),
        greatest(CAST(ceil(0.99e0 * count(wait_ms)) AS bigint), 1)
    ) AS p99_ms,
    max(wait_ms) AS longest_ms,
    sum(bytes_in) AS bytes_in
FROM waits
GROUP BY source
ORDER BY p95_ms DESC, source
LIMIT :top
