-- name: error_messages
-- title: Error messages
-- description: errors grouped, ids and numbers masked
-- subject: applications
-- panel: table
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: error varchar -- first line without its time, UUIDs as *, numbers as #
-- column: log_group varchar
-- column: level varchar
-- column: lines bigint (lines)
-- column: requests bigint (requests) -- different requests
-- column: first_seen timestamp(3)
-- column: last_seen timestamp(3)
--
-- Of a JSON line its field message or msg, else the line as it is.
WITH told AS (
    SELECT
        log_group,
        level,
        request_id,
        event_time,
        split_part(
            COALESCE(element_at(fields, 'message'), element_at(fields, 'msg'), message), chr(10), 1
        ) AS first_line
    FROM app_log
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
        AND level IN ('ERROR', 'FATAL')
)

SELECT
    substr(
        regexp_replace(
            regexp_replace(
                regexp_replace(first_line, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]+Z? ?', ''),
                '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
                '*'
            ),
            '[0-9]+',
            '#'
        ),
        1,
        160
    ) AS error,
    log_group,
    level,
    count(*) AS lines,
    count(DISTINCT request_id) AS requests,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM told
GROUP BY 1, 2, 3
ORDER BY lines DESC, error, log_group, level
LIMIT :top
