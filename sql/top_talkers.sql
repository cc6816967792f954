-- name: top_talkers
-- title: Top talkers
-- description: addresses that send most, by accepted bytes
-- subject: traffic
-- panel: ranking
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: srcaddr varchar -- source address
-- column: network varchar -- named network of the address
-- column: flows bigint (flows) -- flows and intervals
-- column: packets bigint (packets)
-- column: bytes bigint (bytes)
-- column: share double (share) -- of all bytes that were let through
--
-- Between two known networks both ends log a flow: second_sight leaves one of them out.
SELECT
    srcaddr,
    max(src_network) AS network,
    count(*) AS flows,
    sum(packets) AS packets,
    sum(bytes) AS bytes,
    CAST(sum(bytes) AS double) / NULLIF(CAST(sum(sum(bytes)) OVER () AS double), 0e0) AS share
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND second_sight IS DISTINCT FROM true
GROUP BY srcaddr
ORDER BY bytes DESC, srcaddr
LIMIT :top
