-- name: edge_locations
-- title: Edge locations
-- description: bytes and requests by CloudFront's edge locations
-- subject: web
-- panel: ranking
-- since: 24h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: x_edge_location varchar
-- column: requests bigint (requests)
-- column: bytes bigint (bytes) -- sent to viewers
-- column: hit_share double (share) -- of hits and misses; null where none is logged
-- column: share double (share) -- of all bytes
SELECT
    x_edge_location,
    count(*) AS requests,
    COALESCE(sum(sc_bytes), 0) AS bytes,
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
    CAST(sum(sc_bytes) AS double) / NULLIF(sum(sum(sc_bytes)) OVER (), 0) AS share
FROM cloudfront
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY x_edge_location
ORDER BY bytes DESC, x_edge_location
LIMIT :top
