-- name: cross_az
-- title: Traffic between zones
-- description: who sends to another zone, and what it costs
-- subject: cost
-- panel: table
-- since: 24h
-- needs: az-id in the format of the flow log, and the zones of the other ends in the networks file
-- param: usd_per_gb double 0..1000 = prices.cross_az -- each way; a GB is 10^9 bytes
-- param: top integer 1..10000 = 20 -- rows at most
-- column: srcaddr varchar
-- column: src_network varchar -- named network of the source
-- column: dstaddr varchar
-- column: dst_network varchar -- named network of the destination
-- column: service varchar -- name of the port
-- column: flows bigint (flows) -- flows and intervals
-- column: bytes bigint (bytes)
-- column: usd double (usd) -- paid where it leaves and where it arrives
--
-- Zones come from the networks file and the log's own az-id. A flow that both ends have logged
-- counts once (second_sight), and its bytes are charged twice: out of one zone and into the other.
SELECT
    srcaddr,
    max(src_network) AS src_network,
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
    AND path_class = 'cross_az'
GROUP BY srcaddr, dstaddr, service
ORDER BY bytes DESC, srcaddr, dstaddr, service
LIMIT :top
