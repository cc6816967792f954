-- name: duplicates
-- title: Duplicates
-- description: repeats in landing, which the tables leave out
-- subject: health
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: table_name varchar
-- column: landed bigint (rows) -- rows in landing, not folded in yet
-- column: events bigint (events) -- different events among them
-- column: repeats bigint (rows) -- rows too many: delivered or written again
-- column: most_copies bigint (rows) -- of one event
--
-- Only what has landed since the last compaction; compaction folds repeats away. The tables
-- themselves hold each event once.
WITH copies AS (
    SELECT
        'vpc_flow' AS table_name, event_time, record_id, count(*) AS copies
    FROM vpc_flow_landing
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY event_time, record_id
    UNION ALL
    SELECT
        'tgw_flow' AS table_name, event_time, record_id, count(*) AS copies
    FROM tgw_flow_landing
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY event_time, record_id
    UNION ALL
    SELECT
        'app_log' AS table_name, event_time, record_id, count(*) AS copies
    FROM app_log_landing
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    GROUP BY event_time, record_id
)

SELECT
    table_name,
    sum(copies) AS landed,
    count(*) AS events,
    sum(copies) - count(*) AS repeats,
    max(copies) AS most_copies
FROM copies
GROUP BY table_name
ORDER BY repeats DESC, table_name
LIMIT :top
