-- name: traffic_over_time
-- title: Traffic over time
-- description: bytes and flows per bucket, accepted and rejected
-- subject: traffic
-- panel: series
-- since: 1h
-- param: bucket integer 1..86400 = 300 -- seconds in a bucket
-- param: source varchar = * -- only from this address; * for all
-- param: port varchar = * -- only to this port; * for all
-- param: top integer 1..100000 = 10000 -- buckets at most, the oldest first
-- column: bucket_start timestamp(3) -- first moment of the bucket, UTC
-- column: accepted_bytes bigint (bytes)
-- column: rejected_bytes bigint (bytes)
-- column: accepted_flows bigint (flows)
-- column: rejected_flows bigint (flows)
--
-- A flow counts at its end. Buckets without a flow are left out: no data is not zero. The first and
-- the last bucket may be cut by the window.
-- A flow that both ends have logged counts once (second_sight); one that its source let through and
-- its target rejected counts under both, accepted and rejected.
-- What a NAT or transit gateway passes on its clients log too: its rows are left out, known by
-- interface-type, else as those of an interface without instance-id whose packets have other
-- addresses than its flows. AWS's default format tells neither and counts what goes through a NAT
-- gateway up to three times. What only the gateway has logged is in nat_cost and traffic_cost.
SELECT
    date_add(
        'second',
        date_diff('second', TIMESTAMP '1970-01-01 00:00:00.000', event_time) / :bucket * :bucket,
        TIMESTAMP '1970-01-01 00:00:00.000'
    ) AS bucket_start,
    COALESCE(sum(bytes) FILTER (WHERE action = 'ACCEPT'), 0) AS accepted_bytes,
    COALESCE(sum(bytes) FILTER (WHERE action = 'REJECT'), 0) AS rejected_bytes,
    count(*) FILTER (WHERE action = 'ACCEPT') AS accepted_flows,
    count(*) FILTER (WHERE action = 'REJECT') AS rejected_flows
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND (:source = '*' OR srcaddr = :source)
    AND (:port = '*' OR CAST(dstport AS varchar) = :port)
    AND action IS NOT NULL
    AND (
        action = 'REJECT'
        OR (
            second_sight IS DISTINCT FROM true
            AND COALESCE(interface_type, '') NOT IN (
                'nat_gateway', 'regional_nat_gateway', 'transit_gateway'
            )
            AND COALESCE(interface_id, '') NOT IN (
                SELECT interface_id
                FROM vpc_flow
                WHERE dt BETWEEN :first_day AND :last_day
                    AND event_time >= :from_time AND event_time < :to_time
                    AND interface_id IS NOT NULL
                    AND path_class = 'nat'
                    AND instance_id IS NULL
                    AND (srcaddr <> pkt_srcaddr OR dstaddr <> pkt_dstaddr)
            )
        )
    )
GROUP BY 1
ORDER BY bucket_start
LIMIT :top
