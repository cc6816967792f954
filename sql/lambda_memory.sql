-- name: lambda_memory
-- title: Lambda memory
-- description: functions: memory they have, memory they need
-- subject: applications
-- panel: table
-- since: 1h
-- needs: REPORT lines of Lambda functions (app-log)
-- param: top integer 1..10000 = 20 -- rows at most
-- column: log_group varchar
-- column: size_mb integer (MB) -- memory that the function may use
-- column: calls bigint (invocations)
-- column: p50_mb integer (MB) -- memory that half of the calls stay within
-- column: p95_mb integer (MB) -- memory that 95 of 100 calls stay within
-- column: most_mb integer (MB) -- most that a call has used
-- column: share double (share) -- the most against the size
--
-- A function whose size was changed within the window has a row for each size. What an environment
-- has used stays counted in its later calls.
SELECT
    log_group,
    memory_size_mb AS size_mb,
    count(*) AS calls,
    element_at(
        array_agg(max_memory_used_mb ORDER BY max_memory_used_mb)
        FILTER (WHERE max_memory_used_mb IS NOT NULL),
        greatest(CAST(ceil(0.5e0 * count(max_memory_used_mb)) AS bigint), 1)
    ) AS p50_mb,
    element_at(
        array_agg(max_memory_used_mb ORDER BY max_memory_used_mb)
        FILTER (WHERE max_memory_used_mb IS NOT NULL),
        greatest(CAST(ceil(0.95e0 * count(max_memory_used_mb)) AS bigint), 1)
    ) AS p95_mb,
    max(max_memory_used_mb) AS most_mb,
    CAST(max(max_memory_used_mb) AS double) / NULLIF(CAST(memory_size_mb AS double), 0e0) AS share
FROM app_log
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND lambda_event = 'report'
GROUP BY log_group, memory_size_mb
ORDER BY share DESC, log_group, size_mb
LIMIT :top
