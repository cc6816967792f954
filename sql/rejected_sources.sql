-- name: rejected_sources
-- title: Rejected sources
-- description: who is being rejected, and what they try
-- subject: security
-- panel: table
-- since: 1h
-- param: port varchar = * -- only to this port; * for all
-- param: top integer 1..10000 = 20 -- rows at most
-- column: srcaddr varchar
-- column: network varchar -- named network of the address
-- column: attempts bigint (flows) -- rejected flows
-- column: dstport integer -- port that was tried most
-- column: ports bigint (ports) -- different ports
-- column: targets bigint (addresses) -- different destination addresses
-- column: reject_reason varchar -- such as BPA, where the log has it
-- column: first_seen timestamp(3)
-- column: last_seen timestamp(3)
--
-- A rejected flow is logged where it is rejected, so nothing is counted twice here.
WITH tried AS (
    SELECT
        srcaddr,
        dstport,
        max(src_network) AS network,
        max(reject_reason) AS reject_reason,
        count(*) AS attempts,
        min(event_time) AS first_seen,
        max(event_time) AS last_seen
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
        AND (:port = '*' OR CAST(dstport AS varchar) = :port)
        AND action = 'REJECT'
    GROUP BY srcaddr, dstport
),

ranked AS (
    SELECT
        tried.*,
        row_number() OVER (PARTITION BY srcaddr ORDER BY attempts DESC, dstport) AS place
    FROM tried
),

reached AS (
    SELECT
        srcaddr,
        count(DISTINCT dstaddr) AS targets
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
        AND (:port = '*' OR CAST(dstport AS varchar) = :port)
        AND action = 'REJECT'
    GROUP BY srcaddr
)

SELECT
    ranked.srcaddr,
    max(ranked.network) AS network,
    sum(ranked.attempts) AS attempts,
    max(CASE WHEN ranked.place = 1 THEN ranked.dstport END) AS dstport,
    count(ranked.dstport) AS ports,
    max(reached.targets) AS targets,
    max(ranked.reject_reason) AS reject_reason,
    min(ranked.first_seen) AS first_seen,
    max(ranked.last_seen) AS last_seen
FROM ranked
INNER JOIN reached ON ranked.srcaddr = reached.srcaddr
GROUP BY ranked.srcaddr
ORDER BY attempts DESC, srcaddr
LIMIT :top
