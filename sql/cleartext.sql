-- name: cleartext
-- title: Cleartext flows
-- description: who sends unencrypted to whom
-- subject: security
-- panel: table
-- since: 1h
-- needs: encryption-status in the format of the flow log (version 10)
-- param: top integer 1..10000 = 20 -- rows at most
-- column: srcaddr varchar
-- column: dstaddr varchar
-- column: dstport integer
-- column: service varchar -- name of the port
-- column: direction varchar -- internal, egress, ingress or external
-- column: flows bigint (flows) -- flows and intervals
-- column: bytes bigint (bytes)
-- column: last_seen timestamp(3)
--
-- By the field encryption-status of the log (0: neither Nitro nor the application encrypts);
-- without it nothing is known and nothing is told. A flow that both ends have logged counts once.
SELECT
    srcaddr,
    dstaddr,
    dstport,
    max(service) AS service,
    max(direction) AS direction,
    count(*) AS flows,
    sum(bytes) AS bytes,
    max(event_time) AS last_seen
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND second_sight IS DISTINCT FROM true
    AND encryption_status = 0
GROUP BY srcaddr, dstaddr, dstport
ORDER BY bytes DESC, srcaddr, dstaddr, dstport
LIMIT :top
