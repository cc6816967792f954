-- name: rejected_ports
-- title: Rejected ports
-- description: what is being knocked on, and from how many addresses
-- subject: security
-- panel: table
-- since: 1h
-- param: source varchar = * -- only from this address; * for all
-- param: port varchar = * -- only to this port; * for all
-- param: top integer 1..10000 = 20 -- rows at most
-- column: dstport integer -- destination port
-- column: protocol_name varchar
-- column: service varchar -- name of the port, where it has one
-- column: attempts bigint (flows) -- rejected flows
-- column: packets bigint (packets)
-- column: sources bigint (addresses) -- different source addresses
-- column: targets bigint (addresses) -- different destination addresses
-- column: first_seen timestamp(3)
-- column: last_seen timestamp(3)
--
-- A rejected flow is logged where it is rejected, so nothing is counted twice here. The service is
-- named only where it is the one that was knocked on, not the one that answered.
SELECT
    dstport,
    protocol_name,
    max(CASE WHEN dstport <= srcport THEN service END) AS service,
    count(*) AS attempts,
    sum(packets) AS packets,
    count(DISTINCT srcaddr) AS sources,
    count(DISTINCT dstaddr) AS targets,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND (:source = '*' OR srcaddr = :source)
    AND (:port = '*' OR CAST(dstport AS varchar) = :port)
    AND action = 'REJECT'
GROUP BY dstport, protocol_name
ORDER BY attempts DESC, dstport, protocol_name
LIMIT :top
