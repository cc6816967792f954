-- name: port_scans
-- title: Port scans
-- description: sources that were rejected at many ports or targets
-- subject: security
-- panel: table
-- since: 1h
-- param: min_ports integer 2..65536 = 15 -- rejected ports from which on it is one
-- param: min_targets integer 2..1000000 = 15 -- or rejected targets
-- param: top integer 1..10000 = 20 -- rows at most
-- column: srcaddr varchar
-- column: network varchar -- named network of the address
-- column: attempts bigint (flows) -- rejected flows
-- column: ports bigint (ports) -- different ports that were rejected
-- column: targets bigint (addresses) -- different addresses that were tried and rejected
-- column: accepted bigint (flows) -- flows of the same source that a target let through
-- column: first_seen timestamp(3) -- first rejected flow
-- column: last_seen timestamp(3) -- last rejected flow
--
-- Let through is what the target's own row says (ingress), for the sender's row says ACCEPT of a
-- probe that the target rejects; logs without flow-direction do not tell the two apart. Answers of
-- servers go to many ports of their clients: of what was let through only flows that open a
-- connection count, as in exposed_ports (SYN without ACK, else towards the smaller port).
SELECT
    srcaddr,
    max(src_network) AS network,
    count(*) FILTER (WHERE action = 'REJECT') AS attempts,
    count(DISTINCT CASE WHEN action = 'REJECT' THEN dstport END) AS ports,
    count(DISTINCT CASE WHEN action = 'REJECT' THEN dstaddr END) AS targets,
    count(*) FILTER (WHERE action = 'ACCEPT') AS accepted,
    min(CASE WHEN action = 'REJECT' THEN event_time END) AS first_seen,
    max(CASE WHEN action = 'REJECT' THEN event_time END) AS last_seen
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND protocol IN (6, 17)
    AND (
        action = 'REJECT'
        OR (
            COALESCE(flow_direction, 'ingress') = 'ingress'
            AND CASE
                WHEN protocol = 6 AND bitwise_and(tcp_flags, 2) = 2
                    THEN bitwise_and(tcp_flags, 16) = 0
                ELSE dstport < srcport
            END
        )
    )
GROUP BY srcaddr
HAVING
    count(DISTINCT CASE WHEN action = 'REJECT' THEN dstport END) >= :min_ports
    OR count(DISTINCT CASE WHEN action = 'REJECT' THEN dstaddr END) >= :min_targets
ORDER BY ports DESC, targets DESC, srcaddr
LIMIT :top
