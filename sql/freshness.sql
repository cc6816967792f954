-- name: freshness
-- title: Freshness
-- description: newest event and arrival of each source and log group
-- subject: health
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 200 -- rows at most
-- column: source varchar
-- column: log_group varchar -- where the carrier knows it
-- column: events bigint (events) -- in the window
-- column: newest_event timestamp(3)
-- column: newest_arrival timestamp(3) -- of a record in the stream, or of a file
-- column: behind_seconds bigint (seconds) -- from the newest event to the end of the window
-- column: delay_seconds bigint (seconds) -- from the newest event to the newest arrival
--
-- A source of which nothing has come in the window has no row. Files bring old events: their delay
-- is not one of the pipeline.
WITH newest AS (
    SELECT
        'vpc-flow' AS source, log_group, count(*) AS events, max(event_time) AS newest_event,
        max(ingest_time) AS newest_arrival
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY log_group
    UNION ALL
    SELECT
        'tgw-flow' AS source, log_group, count(*) AS events, max(event_time) AS newest_event,
        max(ingest_time) AS newest_arrival
    FROM tgw_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY log_group
    UNION ALL
    SELECT
        'app-log' AS source, log_group, count(*) AS events, max(event_time) AS newest_event,
        max(ingest_time) AS newest_arrival
    FROM app_log
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY log_group
)

SELECT
    source,
    log_group,
    events,
    newest_event,
    newest_arrival,
    date_diff('second', newest_event, :to_time) AS behind_seconds,
    date_diff('second', newest_event, newest_arrival) AS delay_seconds
FROM newest
ORDER BY behind_seconds DESC, source, log_group
LIMIT :top
