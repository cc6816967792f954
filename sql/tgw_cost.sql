-- name: tgw_cost
-- title: Traffic through transit gateways
-- description: attachments of transit gateways by bytes and cost
-- subject: cost
-- panel: table
-- since: 24h
-- needs: flow logs of transit gateways (tgw-flow)
-- param: usd_per_gb double 0..1000 = prices.transit_gateway -- for what is sent; a GB is 10^9 bytes
-- param: top integer 1..10000 = 20 -- rows at most
-- column: tgw_id varchar
-- column: tgw_attachment_id varchar
-- column: flows bigint (flows) -- flows and intervals
-- column: sent bigint (bytes) -- from the attachment into the gateway
-- column: received bigint (bytes) -- from the gateway to the attachment
-- column: usd double (usd) -- without the attachment's hours
--
-- Both attachments of a flow log it: it is paid where it enters the gateway (ingress).
SELECT
    tgw_id,
    tgw_attachment_id,
    count(*) AS flows,
    COALESCE(sum(bytes) FILTER (WHERE flow_direction = 'ingress'), 0) AS sent,
    COALESCE(sum(bytes) FILTER (WHERE flow_direction = 'egress'), 0) AS received,
    CAST(COALESCE(sum(bytes) FILTER (WHERE flow_direction = 'ingress'), 0) AS double)
    / 1e9 * :usd_per_gb AS usd
FROM tgw_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND log_status = 'OK'
GROUP BY tgw_id, tgw_attachment_id
ORDER BY sent DESC, received DESC, tgw_id, tgw_attachment_id
LIMIT :top
