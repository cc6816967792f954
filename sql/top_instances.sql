-- name: top_instances
-- title: Top instances
-- description: instances by accepted bytes, with their tags
-- subject: traffic
-- panel: ranking
-- since: 1h
-- needs: instance-id in the format of the flow log
-- param: top integer 1..10000 = 20 -- rows at most
-- column: instance_id varchar
-- column: instance_tag varchar -- first chosen tag, where the log has it
-- column: interfaces bigint (interfaces)
-- column: flows bigint (flows) -- flows and intervals
-- column: sent bigint (bytes) -- null where the log has no flow-direction
-- column: received bigint (bytes) -- null where the log has no flow-direction
-- column: bytes bigint (bytes)
--
-- What each instance has seen itself: a flow between two of them stands in both rows, so no total
-- can be made of them.
SELECT
    instance_id,
    max(instance_tag) AS instance_tag,
    count(DISTINCT interface_id) AS interfaces,
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
    AND instance_id IS NOT NULL
GROUP BY instance_id
ORDER BY bytes DESC, instance_id
LIMIT :top
