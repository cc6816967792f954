-- name: traffic_by_action
-- title: Accepted and rejected traffic
-- description: flows and bytes that were let through and rejected
-- subject: traffic
-- panel: figures
-- since: 1h
-- param: top integer 1..100 = 10 -- rows at most
-- column: action varchar -- ACCEPT or REJECT
-- column: flows bigint (flows) -- flows and intervals
-- column: packets bigint (packets)
-- column: bytes bigint (bytes)
-- column: sources bigint (addresses) -- distinct source addresses
-- column: share double (share) -- of all bytes
--
-- Between two known networks both ends log a flow: second_sight leaves one of them out. A row that
-- says REJECT always counts, for the other end may say ACCEPT: accepted is what the end that logs it
-- first let through, and a flow that one end let through and the other rejected counts under both.
SELECT
    action,
    count(*) AS flows,
    sum(packets) AS packets,
    sum(bytes) AS bytes,
    count(DISTINCT srcaddr) AS sources,
    CAST(sum(bytes) AS double) / NULLIF(CAST(sum(sum(bytes)) OVER () AS double), 0e0) AS share
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action IS NOT NULL
    AND (action = 'REJECT' OR second_sight IS DISTINCT FROM true)
GROUP BY action
ORDER BY action
LIMIT :top
