-- name: source_activity
-- title: Sources sending
-- description: what each source sent, and when it was last heard of
-- subject: health
-- panel: table
-- since: 1h
-- lookback: 1d
-- param: top integer 1..10000 = 20 -- rows at most
-- column: source varchar
-- column: records bigint (records) -- in the window
-- column: events_in bigint (events) -- in the window
-- column: last_arrival timestamp(3) -- of a record, UTC
-- column: silent_seconds bigint (seconds) -- from there to the end of the window
--
-- The window is one of arrival. Also a source that was heard of within the day before the window,
-- and not in it.
SELECT
    source,
    count(*) FILTER (WHERE event_time >= :from_time) AS records,
    COALESCE(sum(events_in) FILTER (WHERE event_time >= :from_time), 0) AS events_in,
    max(event_time) AS last_arrival,
    date_diff('second', max(event_time), :to_time) AS silent_seconds
FROM batch
WHERE dt BETWEEN :lookback_day AND :last_day
    AND event_time >= :lookback_time AND event_time < :to_time
GROUP BY source
ORDER BY silent_seconds DESC, source
LIMIT :top
