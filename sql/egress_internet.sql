-- name: egress_internet
-- title: Traffic to the internet
-- description: destinations outside by bytes, and what they cost
-- subject: cost
-- panel: table
-- since: 1h
-- param: usd_per_gb double 0..1000 = prices.internet -- for what leaves; a GB is 10^9 bytes
-- param: top integer 1..10000 = 20 -- rows at most
-- column: dstaddr varchar
-- column: aws_service varchar -- AWS service that the address belongs to
-- column: service varchar -- name of the port; of several the last in the alphabet
-- column: flows bigint (flows) -- flows and intervals
-- column: sources bigint (addresses) -- different source addresses; a NAT gateway is one
-- column: bytes bigint (bytes) -- without traffic-path up to twice behind a NAT gateway
-- column: usd double (usd) -- null without traffic-path; 0 for addresses of AWS services
--
-- Through an internet gateway only (traffic_path 2 and 8; all, where the log does not say): what
-- goes to a NAT gateway counts where it leaves from there. Addresses of AWS services have prices of
-- their own, within a region mostly none: their bytes are told, not priced. AWS's default format has
-- no traffic-path: there a flow stands in the instance's row and in the gateway's, both alike, so
-- its bytes are told as they are logged, and not priced.
SELECT
    dstaddr,
    max(pkt_dst_aws_service) AS aws_service,
    max(service) AS service,
    count(*) AS flows,
    count(DISTINCT srcaddr) AS sources,
    sum(bytes) AS bytes,
    CASE
        WHEN count(traffic_path) > 0
            THEN CAST(
                COALESCE(
                    sum(bytes) FILTER (
                        WHERE traffic_path IS NOT NULL AND pkt_dst_aws_service IS NULL
                    ),
                    0
                ) AS double
            ) / 1e9 * :usd_per_gb
    END AS usd
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND second_sight IS DISTINCT FROM true
    AND direction = 'egress'
    AND COALESCE(traffic_path, 8) IN (2, 8)
GROUP BY dstaddr
ORDER BY bytes DESC, dstaddr
LIMIT :top
