-- name: top_talkers
-- title: Top talkers
-- description: addresses that send most, by accepted bytes
-- subject: traffic
-- panel: ranking
-- since: 1h
-- param: source varchar = * -- only from this address; * for all
-- param: port varchar = * -- only to this port; * for all
-- param: top integer 1..10000 = 20 -- rows at most
-- column: srcaddr varchar -- source address
-- column: network varchar -- named network of the address
-- column: flows bigint (flows) -- flows and intervals
-- column: packets bigint (packets)
-- column: bytes bigint (bytes)
-- column: share double (share) -- of all bytes that were let through
--
-- Between two known networks both ends log a flow: second_sight leaves one of them out.
-- What a NAT or transit gateway passes on its clients log too: its rows are left out, known by
-- interface-type, else as those of an interface without instance-id whose packets have other
-- addresses than its flows. AWS's default format tells neither and counts what goes through a NAT
-- gateway up to three times. What only the gateway has logged is in nat_cost and traffic_cost.
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
    AND (:source = '*' OR srcaddr = :source)
    AND (:port = '*' OR CAST(dstport AS varchar) = :port)
    AND action = 'ACCEPT'
    AND second_sight IS DISTINCT FROM true
    AND COALESCE(interface_type, '') NOT IN (
        'nat_gateway', 'regional_nat_gateway', 'transit_gateway'
    )
    AND COALESCE(interface_id, '') NOT IN (
        SELECT interface_id
        FROM vpc_flow
        WHERE dt BETWEEN :first_day AND :last_day
            AND event_time >= :from_time AND event_time < :to_time
            AND interface_id IS NOT NULL
            AND path_class = 'nat'
            AND instance_id IS NULL
            AND (srcaddr <> pkt_srcaddr OR dstaddr <> pkt_dstaddr)
    )
GROUP BY srcaddr
ORDER BY bytes DESC, srcaddr
LIMIT :top
