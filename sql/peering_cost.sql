-- name: peering_cost
-- title: Traffic over VPC peering
-- description: who sends over VPC peering, and what it may cost
-- subject: cost
-- panel: table
-- since: 24h
-- needs: traffic-path in the format of the flow log
-- param: usd_per_gb double 0..1000 = prices.peering -- each way, between zones; a GB is 10^9 bytes
-- param: top integer 1..10000 = 20 -- rows at most
-- column: vpc_id varchar -- VPC that sends
-- column: srcaddr varchar
-- column: dstaddr varchar
-- column: dst_network varchar -- named network of the destination
-- column: service varchar -- name of the port
-- column: flows bigint (flows) -- flows and intervals
-- column: bytes bigint (bytes)
-- column: usd double (usd) -- at most: within one zone it is free
--
-- The log names the path on the sender's row only, and not the zone of the other end: this is what
-- it costs when the ends lie in different zones, paid where it leaves and where it arrives.
SELECT
    vpc_id,
    srcaddr,
    dstaddr,
    max(dst_network) AS dst_network,
    service,
    count(*) AS flows,
    sum(billable_bytes) AS bytes,
    2e0 * CAST(sum(billable_bytes) AS double) / 1e9 * :usd_per_gb AS usd
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND second_sight IS DISTINCT FROM true
    AND path_class = 'peering'
GROUP BY vpc_id, srcaddr, dstaddr, service
ORDER BY bytes DESC, vpc_id, srcaddr, dstaddr, service
LIMIT :top
