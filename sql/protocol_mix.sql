-- name: protocol_mix
-- title: Protocol mix
-- description: protocols and services by accepted bytes
-- subject: traffic
-- panel: table
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: protocol_name varchar
-- column: service varchar -- name of the smaller known port
-- column: flows bigint (flows) -- flows and intervals
-- column: bytes bigint (bytes)
-- column: share double (share) -- of all bytes that were let through
--
-- A flow that both ends have logged counts once (second_sight).
-- What a NAT or transit gateway passes on its clients log too: its rows are left out, known by
-- interface-type, else as those of an interface without instance-id whose packets have other
-- addresses than its flows. AWS's default format tells neither and counts what goes through a NAT
-- gateway up to three times. What only the gateway has logged is in nat_cost and traffic_cost.
SELECT
    protocol_name,
    service,
    count(*) AS flows,
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
GROUP BY protocol_name, service
ORDER BY bytes DESC, protocol_name, service
LIMIT :top
