-- name: nat_cost
-- title: Traffic through NAT gateways
-- description: who uses NAT gateways, and what it costs
-- subject: cost
-- panel: table
-- since: 24h
-- needs: rows of the gateway itself, told by interface-type, or instance-id and the pkt- addresses
-- param: usd_per_gb double 0..1000 = prices.nat -- both directions; a GB is 10^9 bytes
-- param: top integer 1..10000 = 20 -- rows at most
-- column: interface_id varchar -- interface of the gateway
-- column: client varchar -- address behind it
-- column: flows bigint (flows) -- flows and intervals
-- column: sent bigint (bytes)
-- column: received bigint (bytes)
-- column: bytes bigint (bytes) -- both directions: what the gateway charges
-- column: usd double (usd)
--
-- A gateway logs every flow on both of its sides. Counted is the inner one, where flow and packet
-- name different addresses, each direction once; what the instances themselves log is left out.
WITH inner_side AS (
    SELECT
        interface_id,
        CASE
            WHEN dstaddr <> pkt_dstaddr OR flow_direction = 'ingress' THEN srcaddr ELSE dstaddr
        END AS client,
        dstaddr <> pkt_dstaddr OR flow_direction = 'ingress' AS is_sent,
        bytes
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
        AND action = 'ACCEPT'
        AND path_class = 'nat'
        AND COALESCE(srcaddr <> pkt_srcaddr OR dstaddr <> pkt_dstaddr, direction = 'internal')
)

SELECT
    interface_id,
    client,
    count(*) AS flows,
    COALESCE(sum(bytes) FILTER (WHERE is_sent), 0) AS sent,
    COALESCE(sum(bytes) FILTER (WHERE is_sent IS DISTINCT FROM true), 0) AS received,
    sum(bytes) AS bytes,
    CAST(sum(bytes) AS double) / 1e9 * :usd_per_gb AS usd
FROM inner_side
GROUP BY interface_id, client
ORDER BY bytes DESC, interface_id, client
LIMIT :top
