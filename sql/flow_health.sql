-- name: flow_health
-- title: Flow log health
-- description: what each interface logged, and when it was last heard of
-- subject: health
-- panel: health
-- since: 1h
-- lookback: 1d
-- param: top integer 1..100000 = 200 -- rows at most, lost records first
-- column: account_id varchar
-- column: interface_id varchar
-- column: ok bigint (rows) -- rows with traffic
-- column: nodata bigint (rows) -- intervals without traffic
-- column: skipdata bigint (rows) -- intervals of which AWS lost records
-- column: last_seen timestamp(3) -- newest event
-- column: lag_seconds bigint (seconds) -- from there to the end of the window
--
-- Also an interface that was heard of within the day before the window, and not in it.
SELECT
    account_id,
    interface_id,
    count(*) FILTER (WHERE log_status = 'OK' AND event_time >= :from_time) AS ok,
    count(*) FILTER (WHERE log_status = 'NODATA' AND event_time >= :from_time) AS nodata,
    count(*) FILTER (WHERE log_status = 'SKIPDATA' AND event_time >= :from_time) AS skipdata,
    max(event_time) AS last_seen,
    date_diff('second', max(event_time), :to_time) AS lag_seconds
FROM vpc_flow
WHERE dt BETWEEN :lookback_day AND :last_day
    AND event_time >= :lookback_time AND event_time < :to_time
GROUP BY account_id, interface_id
ORDER BY skipdata DESC, last_seen, account_id, interface_id
LIMIT :top
