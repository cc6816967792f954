-- name: app_errors
-- title: Application errors
-- description: log groups by lines that tell of an error
-- subject: applications
-- panel: table
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: log_group varchar
-- column: lines bigint (lines)
-- column: errors bigint (lines) -- level ERROR or FATAL
-- column: warnings bigint (lines) -- level WARN
-- column: failed_calls bigint (invocations) -- calls of Lambda that timed out or failed
-- column: share double (share) -- errors among all lines
-- column: last_error timestamp(3)
SELECT
    log_group,
    count(*) AS lines,
    count(*) FILTER (WHERE level IN ('ERROR', 'FATAL')) AS errors,
    count(*) FILTER (WHERE level = 'WARN') AS warnings,
    count(*) FILTER (WHERE status IN ('timeout', 'error', 'failure')) AS failed_calls,
    CAST(count(*) FILTER (WHERE level IN ('ERROR', 'FATAL')) AS double)
    / CAST(count(*) AS double) AS share,
    max(CASE WHEN level IN ('ERROR', 'FATAL') THEN event_time END) AS last_error
FROM app_log
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY log_group
ORDER BY errors DESC, failed_calls DESC, warnings DESC, log_group
LIMIT :top
