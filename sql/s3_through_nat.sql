-- name: s3_through_nat
-- title: S3 and DynamoDB through NAT
-- description: what a gateway endpoint would carry for nothing
-- subject: cost
-- panel: table
-- since: 24h
-- needs: rows of the gateway itself, as nat_cost does, and pkt-dst-aws-service
-- param: usd_per_gb double 0..1000 = prices.nat -- both directions; a GB is 10^9 bytes
-- param: top integer 1..10000 = 20 -- rows at most
-- column: aws_service varchar -- S3 or DYNAMODB
-- column: interface_id varchar -- interface of the gateway
-- column: client varchar -- address behind it
-- column: flows bigint (flows) -- flows and intervals
-- column: bytes bigint (bytes) -- both directions
-- column: usd double (usd) -- what a gateway endpoint would save
--
-- Counted as in nat_cost: on the inner side of the gateway, each direction once.
WITH inner_side AS (
    SELECT
        interface_id,
        CASE
            WHEN dstaddr <> pkt_dstaddr OR flow_direction = 'ingress' THEN srcaddr ELSE dstaddr
        END AS client,
        COALESCE(pkt_dst_aws_service, pkt_src_aws_service) AS aws_service,
        bytes
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
        AND action = 'ACCEPT'
        AND path_class = 'nat'
        AND COALESCE(srcaddr <> pkt_srcaddr OR dstaddr <> pkt_dstaddr, direction = 'internal')
        AND COALESCE(pkt_dst_aws_service, pkt_src_aws_service) IN ('S3', 'DYNAMODB')
)

SELECT
    aws_service,
    interface_id,
    client,
    count(*) AS flows,
    sum(bytes) AS bytes,
    CAST(sum(bytes) AS double) / 1e9 * :usd_per_gb AS usd
FROM inner_side
GROUP BY aws_service, interface_id, client
ORDER BY bytes DESC, aws_service, interface_id, client
LIMIT :top
