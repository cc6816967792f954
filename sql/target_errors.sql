-- name: target_errors
-- title: Errors by target
-- description: 5xx of targets, and of balancers on their behalf
-- subject: web
-- panel: table
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: elb varchar -- load balancer
-- column: target varchar -- address and port, or a Lambda's group; null where none was reached
-- column: path varchar
-- column: errors bigint (requests) -- answered 5xx
-- column: target_errors bigint (requests) -- of them by the target
-- column: elb_errors bigint (requests) -- of them by the load balancer alone
-- column: requests bigint (requests) -- all of this path to this target
-- column: share double (share) -- of them answered 5xx
-- column: error_reason varchar -- what the load balancer says of it; of several the last
-- column: first_seen timestamp(3) -- first error in the window
-- column: last_seen timestamp(3)
SELECT
    elb,
    COALESCE(
        target_ip || ':' || CAST(target_port AS varchar),
        CASE WHEN target_status_code IS NOT NULL THEN target_group_arn END
    ) AS target,
    path,
    count(*) FILTER (WHERE elb_status_code >= 500) AS errors,
    count(*) FILTER (WHERE elb_status_code >= 500 AND target_status_code >= 500) AS target_errors,
    count(*) FILTER (
        WHERE elb_status_code >= 500 AND COALESCE(target_status_code, 0) < 500
    ) AS elb_errors,
    count(*) AS requests,
    CAST(count(*) FILTER (WHERE elb_status_code >= 500) AS double) / count(*) AS share,
    max(lambda_error_reason) FILTER (WHERE elb_status_code >= 500) AS error_reason,
    min(event_time) FILTER (WHERE elb_status_code >= 500) AS first_seen,
    max(event_time) FILTER (WHERE elb_status_code >= 500) AS last_seen
FROM alb
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY 1, 2, 3
HAVING count(*) FILTER (WHERE elb_status_code >= 500) > 0
ORDER BY errors DESC, elb, target, path
LIMIT :top
