-- name: row_counts
-- title: Rows by hour
-- description: rows of each table by the hour of their event
-- subject: health
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 200 -- rows at most
-- column: table_name varchar
-- column: hour timestamp(3) -- of the events, UTC
-- column: rows bigint (rows)
-- column: first_event timestamp(3)
-- column: last_event timestamp(3)
WITH counted AS (
    SELECT
        'vpc_flow' AS table_name, date_trunc('hour', event_time) AS hour, count(*) AS rows,
        min(event_time) AS first_event, max(event_time) AS last_event
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY 2
    UNION ALL
    SELECT
        'tgw_flow' AS table_name, date_trunc('hour', event_time) AS hour, count(*) AS rows,
        min(event_time) AS first_event, max(event_time) AS last_event
    FROM tgw_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY 2
    UNION ALL
    SELECT
        'app_log' AS table_name, date_trunc('hour', event_time) AS hour, count(*) AS rows,
        min(event_time) AS first_event, max(event_time) AS last_event
    FROM app_log
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY 2
)

SELECT
    table_name,
    hour,
    rows,
    first_event,
    last_event
FROM counted
ORDER BY hour DESC, table_name
LIMIT :top
