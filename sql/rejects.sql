-- name: rejects
-- title: Rejected lines
-- description: lines that could not be read, and why
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 50 -- rows at most
-- column: source varchar
-- column: reason varchar
-- column: lines bigint (lines)
-- column: first_seen timestamp(3) -- arrival of the first
-- column: last_seen timestamp(3) -- arrival of the last
-- column: detail varchar -- of the example: what was found, what was expected
-- column: example varchar -- its first bytes
-- column: object varchar -- quarantine object that keeps it whole
--
-- event_time of a reject is its arrival. The example is the last of the newest record.
WITH recent AS (
    SELECT
        source,
        reason,
        event_time,
        detail,
        raw_head,
        object,
        row_number() OVER (
            PARTITION BY source, reason ORDER BY event_time DESC, line DESC, record_id
        ) AS place
    FROM reject
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
)

SELECT
    source,
    reason,
    count(*) AS lines,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen,
    max(CASE WHEN place = 1 THEN detail END) AS detail,
    max(CASE WHEN place = 1 THEN raw_head END) AS example,
    max(CASE WHEN place = 1 THEN object END) AS object
FROM recent
GROUP BY source, reason
ORDER BY lines DESC, source, reason
LIMIT :top
