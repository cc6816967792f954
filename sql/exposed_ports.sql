-- name: exposed_ports
-- title: Exposed ports
-- description: SSH, RDP and databases reached from outside
-- subject: security
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: dstaddr varchar
-- column: dstport integer
-- column: protocol_name varchar
-- column: service varchar -- name of the port, where it is the smaller one
-- column: interface_id varchar -- interface that let it through
-- column: flows bigint (flows) -- flows and intervals
-- column: sources bigint (addresses) -- different source addresses outside
-- column: bytes bigint (bytes) -- what came in
-- column: last_seen timestamp(3)
--
-- Outside is what is public and in no named network. Let through is not logged in: look at the
-- bytes. The sender chooses its own port, so that port may hide nothing: below 1024 no client takes
-- one, such a port was reached. Above, SYN without ACK (tcp_flags) opens a connection, SYN with ACK
-- answers one. Where no SYN is in the row (UDP, later intervals, logs without tcp-flags) the smaller
-- port is taken as the one that was reached. Blind spots, from 1024 on: there, a sender whose port
-- is the smaller; elsewhere, one that sends a SYN-ACK as well in the same interval.
SELECT
    dstaddr,
    dstport,
    protocol_name,
    max(CASE WHEN dstport < srcport THEN service END) AS service,
    max(interface_id) AS interface_id,
    count(*) AS flows,
    count(DISTINCT srcaddr) AS sources,
    sum(bytes) AS bytes,
    max(event_time) AS last_seen
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action = 'ACCEPT'
    AND direction = 'ingress'
    AND dstport IN (
        22, 23, 445, 1433, 1521, 2375, 2376, 2379, 3306, 3389, 5432, 5439, 5900, 5985, 5986, 6379,
        6443, 9042, 9200, 9300, 10250, 11211, 27017
    )
    AND (
        dstport < 1024
        OR CASE
            WHEN protocol = 6 AND bitwise_and(tcp_flags, 2) = 2 THEN bitwise_and(tcp_flags, 16) = 0
            ELSE dstport < srcport
        END
    )
GROUP BY dstaddr, dstport, protocol_name
ORDER BY sources DESC, flows DESC, dstaddr, dstport, protocol_name
LIMIT :top
