-- name: web_latency
-- title: Latency by path
-- description: how long requests take: half, 95 and 99 of 100
-- subject: web
-- panel: table
-- since: 1h
-- needs: a duration in the log: $request_time or %D of a server, responseLatency of an API
-- param: top integer 1..10000 = 20 -- rows at most
-- column: host varchar
-- column: path varchar
-- column: source varchar -- what logged it
-- column: requests bigint (requests) -- that have a duration
-- column: p50_ms double (ms) -- duration that half of them stay within
-- column: p95_ms double (ms)
-- column: p99_ms double (ms)
-- column: slowest_ms double (ms)
-- column: total_ms double (ms) -- of all of them together
--
-- The percentiles are exact: values that occur. Ordered by what costs most time altogether.
WITH counted AS (
    SELECT host, path, source, duration_ms, count(*) AS requests
    FROM http_request
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
        AND duration_ms IS NOT NULL
    GROUP BY host, path, source, duration_ms
), ranked AS (
    SELECT
        host,
        path,
        source,
        duration_ms,
        requests,
        sum(requests) OVER (PARTITION BY host, path, source ORDER BY duration_ms) AS within,
        sum(requests) OVER (PARTITION BY host, path, source) AS total
    FROM counted
)
SELECT
    host,
    path,
    source,
    sum(requests) AS requests,
    min(duration_ms) FILTER (WHERE within >= 0.5e0 * total) AS p50_ms,
    min(duration_ms) FILTER (WHERE within >= 0.95e0 * total) AS p95_ms,
    min(duration_ms) FILTER (WHERE within >= 0.99e0 * total) AS p99_ms,
    max(duration_ms) AS slowest_ms,
    round(sum(duration_ms * requests), 3) AS total_ms
FROM ranked
GROUP BY host, path, source
ORDER BY total_ms DESC, host, path, source
LIMIT :top
