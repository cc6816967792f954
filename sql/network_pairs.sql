-- name: network_pairs
-- title: Traffic between networks
-- description: which named network sends how much to which
-- subject: traffic
-- panel: table
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: source varchar -- named network, else the kind of address
-- column: destination varchar -- named network, else the kind of address
-- column: direction varchar -- internal, egress, ingress or external
-- column: flows bigint (flows) -- flows and intervals
-- column: packets bigint (packets)
-- column: bytes bigint (bytes)
-- column: share double (share) -- of all bytes that were let through
--
-- A flow that both ends have logged counts once (second_sight).
-- What a NAT or transit gateway passes on its clients log too: its rows are left out, known by
-- interface-type, else as those of an interface without instance-id whose packets have other
-- addresses than its flows. AWS's default format tells neither and counts what goes through a NAT
-- gateway up to three times. What only the gateway has logged is in nat_cost and traffic_cost.
SELECT
    COALESCE(src_network, src_class) AS source,
    COALESCE(dst_network, dst_class) AS destination,
    direction,
    count(*) AS flows,
    sum(packets) AS packets,
    sum(bytes) AS bytes,
    CAST(sum(bytes) AS double) / NULLIF(CAST(sum(sum(bytes)) OVER () AS double), 0e0) AS share
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
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
GROUP BY 1, 2, 3
ORDER BY bytes DESC, source, destination, direction
LIMIT :top
