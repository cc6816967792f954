-- name: rejects
-- title: Rejected lines
-- description: lines that could not be read, and why
-- subject: health
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 50 -- rows at most
-- column: source varchar
-- column: reason varchar
-- column: lines bigint (lines)
-- column: detail varchar -- what the example has there; the table reject says what was expected
-- column: last_seen timestamp(3) -- arrival of the last
-- column: example varchar -- its first bytes
-- column: object varchar -- quarantine object that keeps it whole
--
-- event_time of a reject is its arrival. The subject is the column that is wrong, or the number of
-- fields; lines of which nothing such can be said are one group a reason. The example is the last
-- of the newest record.
WITH recent AS (
    SELECT
        source,
        reason,
        split_part(regexp_extract(detail, '^([0-9]+ fields|[a-z0-9-]+:)'), ':', 1) AS subject,
        event_time,
        split_part(detail, ' is not ', 1) AS detail,
        line,
        raw_head,
        object,
        record_id
    FROM reject
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
),

placed AS (
    SELECT
        recent.*,
        row_number() OVER (
            PARTITION BY source, reason, subject ORDER BY event_time DESC, line DESC, record_id
        ) AS place
    FROM recent
)

SELECT
    source,
    reason,
    count(*) AS lines,
    max(CASE WHEN place = 1 THEN detail END) AS detail,
    max(event_time) AS last_seen,
    max(CASE WHEN place = 1 THEN raw_head END) AS example,
    max(CASE WHEN place = 1 THEN object END) AS object
FROM placed
GROUP BY source, reason, subject
ORDER BY lines DESC, source, reason, subject
LIMIT :top
