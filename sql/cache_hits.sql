-- name: cache_hits
-- title: Cache hits
-- description: paths that CloudFront keeps fetching from the origin
-- subject: web
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: host varchar -- that the viewer asked for
-- column: path varchar
-- column: requests bigint (requests)
-- column: hits bigint (requests) -- answered from the cache
-- column: misses bigint (requests) -- fetched from the origin
-- column: errors bigint (requests)
-- column: other bigint (requests) -- redirects, answers of functions, without a result
-- column: hit_share double (share) -- of hits and misses
-- column: missed_bytes bigint (bytes) -- sent for misses
SELECT
    x_host_header AS host,
    cs_uri_stem AS path,
    count(*) AS requests,
    count(*) FILTER (
        WHERE x_edge_result_type IN ('Hit', 'RefreshHit', 'OriginShieldHit')
    ) AS hits,
    count(*) FILTER (WHERE x_edge_result_type = 'Miss') AS misses,
    count(*) FILTER (
        WHERE x_edge_result_type IN ('Error', 'LimitExceeded', 'CapacityExceeded')
    ) AS errors,
    count(*) FILTER (
        WHERE COALESCE(x_edge_result_type, '') NOT IN (
            'Hit', 'RefreshHit', 'OriginShieldHit', 'Miss',
            'Error', 'LimitExceeded', 'CapacityExceeded'
        )
    ) AS other,
    CAST(
        count(*) FILTER (
            WHERE x_edge_result_type IN ('Hit', 'RefreshHit', 'OriginShieldHit')
        ) AS double
    ) / NULLIF(
        count(*) FILTER (
            WHERE x_edge_result_type IN ('Hit', 'RefreshHit', 'OriginShieldHit', 'Miss')
        ),
        0
    ) AS hit_share,
    COALESCE(sum(sc_bytes) FILTER (WHERE x_edge_result_type = 'Miss'), 0) AS missed_bytes
FROM cloudfront
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY 1, 2
ORDER BY misses DESC, missed_bytes DESC, host, path
LIMIT :top
