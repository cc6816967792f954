-- name: lag_by_stage
-- title: Lag by stage
-- description: how long events wait: to arrive, to land, altogether
-- subject: health
-- panel: table
-- since: 10m
-- param: top integer 1..100 = 10 -- rows at most
-- column: stage varchar -- arrive: event to stream; land: stream to lake; all: event to lake
-- column: events bigint (events)
-- column: p50_ms bigint (ms) -- wait that half of the events stay within
-- column: p95_ms bigint (ms) -- wait that 95 of 100 events stay within
-- column: longest_ms bigint (ms)
--
-- Of flow logs, application logs and page views. All is measured on whole events: percentiles of
-- stages do not add up. An event finds its record by the source and the moment of arrival.
WITH seen AS (
    SELECT
        'vpc-flow' AS source, event_time, ingest_time
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    UNION ALL
    SELECT
        'tgw-flow' AS source, event_time, ingest_time
    FROM tgw_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    UNION ALL
    SELECT
        'app-log' AS source, event_time, ingest_time
    FROM app_log
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    UNION ALL
    SELECT
        'page-view' AS source, event_time, ingest_time
    FROM page_view
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
),

landed AS (
    SELECT
        source,
        event_time AS arrived,
        max(landed_at) AS landed_at
    FROM batch
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY source, event_time
),

waits AS (
    SELECT
        date_diff('millisecond', seen.event_time, seen.ingest_time) AS arrive_ms,
        date_diff('millisecond', seen.ingest_time, landed.landed_at) AS land_ms,
        date_diff('millisecond', seen.event_time, landed.landed_at) AS all_ms
    FROM seen
    INNER JOIN landed ON seen.source = landed.source AND seen.ingest_time = landed.arrived
),

counted AS (
    SELECT 'arrive' AS stage, arrive_ms AS wait_ms, count(*) AS events
    FROM waits GROUP BY arrive_ms
    UNION ALL
    SELECT 'land' AS stage, land_ms AS wait_ms, count(*) AS events
    FROM waits GROUP BY land_ms
    UNION ALL
    SELECT 'all' AS stage, all_ms AS wait_ms, count(*) AS events
    FROM waits GROUP BY all_ms
),

ranked AS (
    SELECT
        stage,
        wait_ms,
        events,
        sum(events) OVER (PARTITION BY stage ORDER BY wait_ms) AS within,
        sum(events) OVER (PARTITION BY stage) AS altogether
    FROM counted
)

SELECT
    stage,
    max(altogether) AS events,
    min(wait_ms) FILTER (WHERE CAST(within AS double) >= 0.5e0 * altogether) AS p50_ms,
    min(wait_ms) FILTER (WHERE CAST(within AS double) >= 0.95e0 * altogether) AS p95_ms,
    max(wait_ms) AS longest_ms
FROM ranked
GROUP BY stage
ORDER BY stage DESC
LIMIT :top
