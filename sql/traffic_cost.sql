-- name: traffic_cost
-- title: Cost of traffic
-- description: bytes and money by the path that flows take
-- subject: cost
-- panel: table
-- since: 24h
-- needs: traffic-path, az-id or interface-type in the format of the flow log
-- param: cross_az double 0..1000 = prices.cross_az -- USD per GB, each way
-- param: cross_region double 0..1000 = prices.cross_region -- USD per GB
-- param: internet double 0..1000 = prices.internet -- USD per GB, out
-- param: nat double 0..1000 = prices.nat -- USD per GB
-- param: peering double 0..1000 = prices.peering -- USD per GB, each way
-- param: transit_gateway double 0..1000 = prices.transit_gateway -- USD per GB
-- param: top integer 1..10000 = 20 -- rows at most
-- column: path varchar -- path_class; internet also behind a NAT gateway
-- column: flows bigint (flows) -- flows and intervals
-- column: bytes bigint (bytes)
-- column: billable_bytes bigint (bytes) -- those that AWS charges by volume
-- column: usd double (usd)
--
-- Every byte once on each path: at a NAT gateway on its inner side, where flow and packet name
-- different addresses; at a transit gateway where it enters (interface-type must be in the log);
-- else where it is logged first (second_sight). What leaves a NAT gateway for the internet is
-- charged a second time, under internet, but not to addresses of AWS services: these have prices of
-- their own, within a region mostly none. Between zones and over peering a byte is paid where it
-- leaves and where it arrives; peering is taken as if the ends lay in different zones. A GB is 10^9
-- bytes; volume steps and free tiers are left out.
WITH counted AS (
    SELECT
        CASE
            WHEN path_class = 'nat' AND traffic_path IN (2, 8) THEN 'internet' ELSE path_class
        END AS path,
        bytes,
        CASE
            WHEN traffic_path IN (2, 8) AND pkt_dst_aws_service IS NOT NULL THEN 0
            ELSE billable_bytes
        END AS billable_bytes
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
        AND action = 'ACCEPT'
        AND path_class IS NOT NULL
        AND CASE
            WHEN path_class = 'nat'
                THEN traffic_path IN (2, 8)
                    OR COALESCE(
                        srcaddr <> pkt_srcaddr OR dstaddr <> pkt_dstaddr, direction = 'internal'
                    )
            WHEN path_class = 'transit_gateway'
                THEN interface_type = 'transit_gateway' AND flow_direction = 'ingress'
            ELSE second_sight IS DISTINCT FROM true
        END
)

SELECT
    path,
    count(*) AS flows,
    sum(bytes) AS bytes,
    sum(billable_bytes) AS billable_bytes,
    CAST(sum(billable_bytes) AS double) / 1e9
    * CASE path
        WHEN 'cross_az' THEN 2e0 * :cross_az
        WHEN 'cross_region' THEN :cross_region
        WHEN 'internet' THEN :internet
        WHEN 'nat' THEN :nat
        WHEN 'peering' THEN 2e0 * :peering
        WHEN 'transit_gateway' THEN :transit_gateway
        ELSE 0e0
    END AS usd
FROM counted
GROUP BY path
ORDER BY usd DESC, bytes DESC, path
LIMIT :top
