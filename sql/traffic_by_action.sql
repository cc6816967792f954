-- name: traffic_by_action
-- title: Accepted and rejected traffic
-- description: flows and bytes that were let through and rejected
-- subject: traffic
-- panel: figures
-- since: 1h
-- param: top integer 1..100 = 10 -- rows at most
-- column: action varchar -- ACCEPT or REJECT
-- column: flows bigint (flows) -- flows and intervals
-- column: packets bigint (packets)
-- column: bytes bigint (bytes)
-- column: sources bigint (addresses) -- distinct source addresses
-- column: share double (share) -- of all bytes
--
-- Between two known networks both ends log a flow: second_sight leaves one of them out. A row that
-- says REJECT always counts, for the other end may say ACCEPT: accepted is what the end that logs it
-- first let through, and a flow that one end let through and the other rejected counts under both.
-- What a NAT or transit gateway passes on its clients log too: its rows are left out, known by
-- interface-type, else as those of an interface without instance-id whose packets have other
-- addresses than its flows. AWS's default format tells neither and counts what goes through a NAT
-- gateway up to three times. What only the gateway has logged is in nat_cost and traffic_cost.
SELECT
    action,
    count(*) AS flows,
    sum(packets) AS packets,
    sum(bytes) AS bytes,
    count(DISTINCT srcaddr) AS sources,
    CAST(sum(bytes) AS double) / NULLIF(CAST(sum(sum(bytes)) OVER () AS double), 0e0) AS share
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action IS NOT NULL
    AND (
        action = 'REJECT'
        OR (
            second_sight IS DISTINCT FROM true
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
        )
    )
GROUP BY action
ORDER BY action
LIMIT :top
