-- name: web_errors
-- title: Web errors by path
-- description: paths that answer 5xx, how often, since when
-- subject: web
-- panel: table
-- since: 1h
-- param: status_from integer 100..599 = 500 -- lowest status that counts as an error
-- param: top integer 1..10000 = 20 -- rows at most
-- column: host varchar
-- column: path varchar
-- column: source varchar -- what logged it
-- column: errors bigint (requests)
-- column: requests bigint (requests) -- all that asked for this path
-- column: share double (share) -- of them answered with an error
-- column: statuses varchar -- those of the errors
-- column: first_seen timestamp(3) -- first error in the window
-- column: last_seen timestamp(3)
--
-- A request that passed CloudFront and then a load balancer is there once for each.
SELECT
    host,
    path,
    source,
    count(*) FILTER (WHERE status >= :status_from) AS errors,
    count(*) AS requests,
    CAST(count(*) FILTER (WHERE status >= :status_from) AS double) / count(*) AS share,
    array_join(
        array_agg(DISTINCT CAST(status AS varchar) ORDER BY CAST(status AS varchar))
            FILTER (WHERE status >= :status_from),
        ', '
    ) AS statuses,
    min(event_time) FILTER (WHERE status >= :status_from) AS first_seen,
    max(event_time) FILTER (WHERE status >= :status_from) AS last_seen
FROM http_request
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY host, path, source
HAVING count(*) FILTER (WHERE status >= :status_from) > 0
ORDER BY errors DESC, host, path, source
LIMIT :top
