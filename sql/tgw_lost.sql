-- name: tgw_lost
-- title: Packets lost in transit gateways
-- description: what transit gateways lose, where and why
-- subject: health
-- panel: table
-- since: 1h
-- needs: flow logs of transit gateways (tgw-flow)
-- param: top integer 1..10000 = 20 -- rows at most
-- column: tgw_id varchar
-- column: tgw_attachment_id varchar
-- column: dstaddr varchar
-- column: lost bigint (packets) -- for whichever reason
-- column: no_route bigint (packets)
-- column: blackhole bigint (packets)
-- column: mtu_exceeded bigint (packets)
-- column: ttl_expired bigint (packets)
-- column: packets bigint (packets) -- packets of the same flows
-- column: last_seen timestamp(3)
SELECT
    tgw_id,
    tgw_attachment_id,
    dstaddr,
    sum(
        COALESCE(packets_lost_no_route, 0)
        + COALESCE(packets_lost_blackhole, 0)
        + COALESCE(packets_lost_mtu_exceeded, 0)
        + COALESCE(packets_lost_ttl_expired, 0)
    ) AS lost,
    sum(packets_lost_no_route) AS no_route,
    sum(packets_lost_blackhole) AS blackhole,
    sum(packets_lost_mtu_exceeded) AS mtu_exceeded,
    sum(packets_lost_ttl_expired) AS ttl_expired,
    sum(packets) AS packets,
    max(event_time) AS last_seen
FROM tgw_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND (
        packets_lost_no_route > 0
        OR packets_lost_blackhole > 0
        OR packets_lost_mtu_exceeded > 0
        OR packets_lost_ttl_expired > 0
    )
GROUP BY tgw_id, tgw_attachment_id, dstaddr
ORDER BY lost DESC, last_seen DESC, tgw_id, tgw_attachment_id, dstaddr
LIMIT :top
