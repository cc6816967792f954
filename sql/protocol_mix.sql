-- name: protocol_mix
-- title: Protocol mix
-- description: protocols and services by accepted bytes
-- subject: traffic
-- panel: table
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: protocol_name varchar
-- column: service varchar -- name of the smaller known port
-- column: flows bigint (flows) -- flows and intervals
-- column: bytes bigint (bytes)
-- column: share double (share) -- of all bytes that were let through
SELECT
    protocol_name,
    service,
    count(*) AS flows,
    sum(bytes) AS bytes,
    CAST(sum(bytes) AS double) / NULLIF(CAST(sum(sum(bytes)) OVER () AS double), 0e0) AS share
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND second_sight IS DISTINCT FROM true
GROUP BY protocol_name, service
ORDER BY bytes DESC, protocol_name, service
LIMIT :top
