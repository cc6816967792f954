-- name: flow_gaps
-- title: Gaps in flow logs
-- description: intervals that AWS lost, and interfaces gone silent
-- subject: health
-- panel: table
-- since: 24h
-- lookback: 7d
-- param: silent_minutes integer 1..1440 = 15 -- minutes without a row from which on it is a gap
-- param: top integer 1..10000 = 200 -- rows at most
-- column: account_id varchar
-- column: interface_id varchar
-- column: kind varchar -- SKIPDATA (lost by AWS), silent (between two rows), silent since
-- column: begins timestamp(3)
-- column: ends timestamp(3)
-- column: seconds bigint (seconds) -- from one to the other
--
-- An interface without traffic is logged as NODATA: one of which nothing comes is gone, or its log
-- is. Rows come at the end of an interval, so a gap shorter than the aggregation (1 or 10 minutes)
-- is none. Who was heard of within the 7 days before the window, and not in it, is silent since.
WITH known AS (
    SELECT account_id, interface_id, max(event_time) AS last_time
    FROM vpc_flow
    WHERE dt BETWEEN :lookback_day AND :last_day
        AND event_time >= :lookback_time AND event_time < :to_time
        AND event_time < :from_time
    GROUP BY account_id, interface_id
),

told AS (
    SELECT
        account_id,
        interface_id,
        log_status,
        COALESCE(start_time, event_time) AS start_time,
        event_time,
        record_id
    FROM vpc_flow
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
    UNION ALL
    SELECT
        account_id, interface_id, 'before' AS log_status, last_time AS start_time,
        last_time AS event_time, CAST(0 AS bigint) AS record_id
    FROM known
),

heard AS (
    SELECT
        told.*,
        lag(event_time) OVER (
            PARTITION BY account_id, interface_id ORDER BY event_time, record_id
        ) AS heard_before
    FROM told
),

gaps AS (
    SELECT account_id, interface_id, 'SKIPDATA' AS kind, start_time AS begins, event_time AS ends
    FROM heard
    WHERE log_status = 'SKIPDATA'
    UNION ALL
    SELECT account_id, interface_id, 'silent' AS kind, heard_before AS begins, event_time AS ends
    FROM heard
    WHERE date_diff('second', heard_before, event_time) > :silent_minutes * 60
    UNION ALL
    SELECT
        account_id, interface_id, 'silent since' AS kind, max(event_time) AS begins,
        :to_time AS ends
    FROM heard
    GROUP BY account_id, interface_id
    HAVING date_diff('second', max(event_time), :to_time) > :silent_minutes * 60
)

SELECT
    account_id,
    interface_id,
    kind,
    begins,
    ends,
    date_diff('second', begins, ends) AS seconds
FROM gaps
ORDER BY seconds DESC, account_id, interface_id, kind, begins, ends
LIMIT :top
