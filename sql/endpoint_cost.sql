-- name: endpoint_cost
-- title: Traffic through interface endpoints
-- description: interface endpoints by bytes, and what they cost
-- subject: cost
-- panel: table
-- since: 24h
-- needs: interface-type in the format of the flow log
-- param: usd_per_gb double 0..1000 = prices.endpoint -- both directions; a GB is 10^9 bytes
-- param: top integer 1..10000 = 20 -- rows at most
-- column: interface_id varchar -- interface of the endpoint
-- column: vpc_id varchar
-- column: flows bigint (flows) -- flows and intervals
-- column: clients bigint (addresses) -- different addresses that send to it
-- column: sent bigint (bytes) -- by the clients
-- column: received bigint (bytes) -- by the clients
-- column: bytes bigint (bytes) -- both directions: what the endpoint charges
-- column: usd double (usd) -- without its hours
--
-- Only what the endpoint's own interfaces have logged, each direction once; interface-type must be
-- in the log. Gateway endpoints have no interface and cost nothing.
SELECT
    interface_id,
    max(vpc_id) AS vpc_id,
    count(*) AS flows,
    count(DISTINCT CASE WHEN flow_direction = 'ingress' THEN srcaddr END) AS clients,
    COALESCE(sum(bytes) FILTER (WHERE flow_direction = 'ingress'), 0) AS sent,
    COALESCE(sum(bytes) FILTER (WHERE flow_direction = 'egress'), 0) AS received,
    sum(bytes) AS bytes,
    CAST(sum(bytes) AS double) / 1e9 * :usd_per_gb AS usd
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND interface_type = 'vpc_endpoint'
GROUP BY interface_id
ORDER BY bytes DESC, interface_id
LIMIT :top
