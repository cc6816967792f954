-- name: rejects_over_time
-- title: Rejected lines over time
-- description: lines that could not be read, by hour, source, reason
-- subject: health
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 200 -- rows at most
-- column: hour timestamp(3) -- of arrival, UTC
-- column: source varchar
-- column: reason varchar
-- column: log_group varchar
-- column: lines bigint (lines) -- lines, or records of which nothing could be read
-- column: objects bigint (objects) -- quarantine objects that keep them
SELECT
    date_trunc('hour', event_time) AS hour,
    source,
    reason,
    log_group,
    count(*) AS lines,
    count(DISTINCT object) AS objects
FROM reject
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY 1, 2, 3, 4
ORDER BY hour DESC, lines DESC, source, reason, log_group
LIMIT :top
