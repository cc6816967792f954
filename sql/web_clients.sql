-- name: web_clients
-- title: Web clients
-- description: who asks most, and how it is answered
-- subject: web
-- panel: ranking
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: client_addr varchar
-- column: source varchar -- what logged them
-- column: requests bigint (requests)
-- column: bytes bigint (bytes) -- sent to it
-- column: paths bigint (paths) -- different ones that it asked for
-- column: errors bigint (requests) -- answered 4xx or 5xx
-- column: user_agents bigint (names) -- how many it called itself
-- column: user_agent varchar -- of several the last in the alphabet
-- column: share double (share) -- of all requests that this source logged
-- column: first_seen timestamp(3)
-- column: last_seen timestamp(3)
--
-- Behind a proxy or CloudFront a load balancer sees the proxy's address.
-- A request that passed CloudFront and then a load balancer is there once for each.
SELECT
    client_addr,
    source,
    count(*) AS requests,
    COALESCE(sum(bytes_sent), 0) AS bytes,
    count(DISTINCT path) AS paths,
    count(*) FILTER (WHERE status >= 400) AS errors,
    count(DISTINCT user_agent) AS user_agents,
    max(user_agent) AS user_agent,
    CAST(count(*) AS double) / sum(count(*)) OVER (PARTITION BY source) AS share,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM http_request
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND client_addr IS NOT NULL
GROUP BY client_addr, source
ORDER BY requests DESC, client_addr, source
LIMIT :top
