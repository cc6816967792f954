-- name: long_flows
-- title: Long flows
-- description: connections that lasted longest
-- subject: traffic
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: srcaddr varchar
-- column: dstaddr varchar
-- column: srcport integer
-- column: dstport integer
-- column: protocol_name varchar
-- column: started timestamp(3) -- start of its first interval
-- column: ended timestamp(3) -- end of its last one
-- column: seconds bigint (seconds) -- from one to the other
-- column: bytes bigint (bytes)
--
-- TCP, one direction a row. Connections one after another between the same ports look like one;
-- what began before the window begins where the window does.
SELECT
    srcaddr,
    dstaddr,
    srcport,
    dstport,
    protocol_name,
    COALESCE(min(start_time), min(event_time)) AS started,
    max(event_time) AS ended,
    date_diff('second', COALESCE(min(start_time), min(event_time)), max(event_time)) AS seconds,
    sum(bytes) AS bytes
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND second_sight IS DISTINCT FROM true
    AND protocol = 6
GROUP BY srcaddr, dstaddr, srcport, dstport, protocol_name
ORDER BY seconds DESC, bytes DESC, srcaddr, dstaddr, srcport, dstport, protocol_name
LIMIT :top
