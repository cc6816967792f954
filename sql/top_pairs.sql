-- name: top_pairs
-- title: Top pairs
-- description: who sends to whom, by bytes
-- subject: traffic
-- panel: table
-- since: 1h
-- param: action varchar = ACCEPT -- what was let through, or REJECT
-- param: source varchar = * -- only from this address; * for all
-- param: port varchar = * -- only to this port; * for all
-- param: top integer 1..10000 = 20 -- rows at most
-- column: srcaddr varchar -- source address
-- column: dstaddr varchar -- destination address
-- column: service varchar -- service that carried most of the bytes
-- column: direction varchar -- internal, egress, ingress or external
-- column: flows bigint (flows) -- flows and intervals
-- column: packets bigint (packets)
-- column: bytes bigint (bytes)
-- column: share double (share) -- of all bytes that count
--
-- A direction is a function of the two addresses and the networks file, so max() names the only one.
-- What a NAT or transit gateway passes on its clients log too: its rows are left out, known by
-- interface-type, else as those of an interface without instance-id whose packets have other
-- addresses than its flows. AWS's default format tells neither and counts what goes through a NAT
-- gateway up to three times. What only the gateway has logged is in nat_cost and traffic_cost.
WITH talk AS (
    SELECT
        srcaddr,
        dstaddr,
        service,
        max(direction) AS direction,
        count(*) AS flows,
        sum(packets) AS packets,
        sum(bytes) AS bytes
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
        AND (:source = '*' OR srcaddr = :source)
        AND (:port = '*' OR CAST(dstport AS varchar) = :port)
        AND action = :action
        AND (:action = 'REJECT' OR second_sight IS DISTINCT FROM true)
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
    GROUP BY srcaddr, dstaddr, service
),

ranked AS (
    SELECT
        talk.*,
        row_number() OVER (PARTITION BY srcaddr, dstaddr ORDER BY bytes DESC, service) AS place
    FROM talk
)

SELECT
    srcaddr,
    dstaddr,
    max(CASE WHEN place = 1 THEN service END) AS service,
    max(direction) AS direction,
    sum(flows) AS flows,
    sum(packets) AS packets,
    sum(bytes) AS bytes,
    CAST(sum(bytes) AS double) / NULLIF(CAST(sum(sum(bytes)) OVER () AS double), 0e0) AS share
FROM ranked
GROUP BY srcaddr, dstaddr
ORDER BY bytes DESC, srcaddr, dstaddr
LIMIT :top
