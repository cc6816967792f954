-- name: new_destinations
-- title: Destinations new in 7 days
-- description: addresses outside that nothing was sent to in 7 days
-- subject: security
-- panel: table
-- since: 1h
-- lookback: 7d
-- param: top integer 1..10000 = 50 -- rows at most
-- column: dstaddr varchar
-- column: aws_service varchar -- AWS service that the address belongs to
-- column: service varchar -- name of the port; of several the last in the alphabet
-- column: first_seen timestamp(3)
-- column: sources bigint (addresses) -- different source addresses, a NAT gateway's too
-- column: source varchar -- the first of them in the alphabet
-- column: bytes bigint (bytes) -- without traffic-path up to twice behind a NAT gateway
--
-- New: in the window, and not within the 7 days before it. What goes to a NAT gateway first
-- (traffic_path 1) names its source, but its bytes count where they leave from there.
-- AWS's default format has no traffic-path: there both rows count.
SELECT
    dstaddr,
    max(pkt_dst_aws_service) AS aws_service,
    max(service) AS service,
    min(event_time) AS first_seen,
    count(DISTINCT srcaddr) AS sources,
    min(srcaddr) AS source,
    COALESCE(sum(bytes) FILTER (WHERE COALESCE(traffic_path, 8) <> 1), 0) AS bytes
FROM vpc_flow
WHERE dt BETWEEN :lookback_day AND :last_day
    AND event_time >= :lookback_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND second_sight IS DISTINCT FROM true
    AND direction = 'egress'
GROUP BY dstaddr
HAVING min(event_time) >= :from_time
ORDER BY bytes DESC, dstaddr
LIMIT :top
