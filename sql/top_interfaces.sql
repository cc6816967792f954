-- name: top_interfaces
-- title: Top interfaces
-- description: interfaces by accepted bytes, sent and received
-- subject: traffic
-- panel: ranking
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: interface_id varchar
-- column: instance_id varchar
-- column: subnet_id varchar
-- column: flows bigint (flows) -- flows and intervals
-- column: sent bigint (bytes) -- null where the log has no flow-direction
-- column: received bigint (bytes) -- null where the log has no flow-direction
-- column: bytes bigint (bytes)
--
-- What each interface has seen itself: a flow between two of them stands in both rows, so no total
-- can be made of them.
SELECT
    interface_id,
    max(instance_id) AS instance_id,
    max(subnet_id) AS subnet_id,
    count(*) AS flows,
    CASE
        WHEN count(flow_direction) > 0
            THEN COALESCE(sum(bytes) FILTER (WHERE flow_direction = 'egress'), 0)
    END AS sent,
    CASE
        WHEN count(flow_direction) > 0
            THEN COALESCE(sum(bytes) FILTER (WHERE flow_direction = 'ingress'), 0)
    END AS received,
    sum(bytes) AS bytes
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
GROUP BY interface_id
ORDER BY bytes DESC, interface_id
LIMIT :top
