-- name: egress_services
-- title: Traffic to AWS services
-- description: AWS services that are sent to, by bytes
-- subject: traffic
-- panel: table
-- since: 1h
-- needs: pkt-dst-aws-service in the format of the flow log
-- param: top integer 1..10000 = 20 -- rows at most
-- column: aws_service varchar -- by the list of AWS's own addresses
-- column: path_class varchar -- way that it takes
-- column: flows bigint (flows) -- flows and intervals
-- column: sources bigint (addresses) -- different source addresses
-- column: packets bigint (packets)
-- column: bytes bigint (bytes)
-- column: share double (share) -- of all bytes to AWS services
--
-- What goes to a gateway of the same VPC first (traffic_path 1) counts where it leaves from there,
-- so that a flow through a NAT gateway counts once.
SELECT
    pkt_dst_aws_service AS aws_service,
    path_class,
    count(*) AS flows,
    count(DISTINCT srcaddr) AS sources,
    sum(packets) AS packets,
    sum(bytes) AS bytes,
    CAST(sum(bytes) AS double) / NULLIF(CAST(sum(sum(bytes)) OVER () AS double), 0e0) AS share
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND second_sight IS DISTINCT FROM true
    AND direction = 'egress'
    AND COALESCE(traffic_path, 8) <> 1
    AND pkt_dst_aws_service IS NOT NULL
GROUP BY pkt_dst_aws_service, path_class
ORDER BY bytes DESC, aws_service, path_class
LIMIT :top
