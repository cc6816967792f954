-- name: lambda_performance
-- title: Lambda durations
-- description: functions: calls, cold starts, durations
-- subject: applications
-- panel: table
-- since: 1h
-- needs: REPORT lines of Lambda functions (app-log)
-- param: top integer 1..10000 = 20 -- rows at most
-- column: log_group varchar
-- column: calls bigint (invocations)
-- column: failed bigint (invocations) -- ended in a timeout, error or failure
-- column: cold_starts bigint (invocations) -- calls that had to set up or restore first
-- column: p50_ms double (ms) -- duration that half of the calls stay within
-- column: p95_ms double (ms) -- duration that 95 of 100 calls stay within
-- column: slowest_ms double (ms)
-- column: slowest_start_ms double (ms) -- longest time to set up or restore
-- column: billed_ms bigint (ms) -- time that is paid for
--
-- From the REPORT lines alone, one a call. The percentiles are exact: values that occur.
SELECT
    log_group,
    count(*) AS calls,
    count(*) FILTER (WHERE status IN ('timeout', 'error', 'failure')) AS failed,
    count(COALESCE(init_duration_ms, restore_duration_ms)) AS cold_starts,
    element_at(
        array_agg(duration_ms ORDER BY duration_ms) FILTER (WHERE duration_ms IS NOT NULL),
        greatest(CAST(ceil(0.5e0 * count(duration_ms)) AS bigint), 1)
    ) AS p50_ms,
    element_at(
        array_agg(duration_ms ORDER BY duration_ms) FILTER (WHERE duration_ms IS NOT NULL),
        greatest(CAST(ceil(0.95e0 * count(duration_ms)) AS bigint), 1)
    ) AS p95_ms,
    max(duration_ms) AS slowest_ms,
    max(COALESCE(init_duration_ms, restore_duration_ms)) AS slowest_start_ms,
    sum(billed_duration_ms) AS billed_ms
FROM app_log
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND lambda_event = 'report'
GROUP BY log_group
ORDER BY billed_ms DESC, log_group
LIMIT :top
