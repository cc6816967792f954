-- name: repeated_views
-- title: Views sent again
-- description: views whose id others have, too, by minute and page
-- subject: web
-- panel: table
-- since: 1h
-- param: top integer 1..100000 = 10000 -- rows at most, the newest first
-- column: bucket_start timestamp(3) -- first moment of the minute, UTC
-- column: page varchar
-- column: views bigint (views) -- that came in time for the live ranking, which counts each id once
--
-- With a time of its own a view that is sent again is the same row. Without one, or as the view of
-- another moment, it is a row more.
WITH ids AS (
    SELECT
        page, event_time, ingest_time, count(*) OVER (PARTITION BY record_id) AS copies
    FROM page_view
    WHERE dt BETWEEN :first_day AND :last_day
        AND event_time >= :from_time AND event_time < :to_time
)

SELECT
    date_trunc('minute', event_time) AS bucket_start,
    page,
    count(*) AS views
FROM ids
WHERE copies > 1 AND date_diff('millisecond', event_time, ingest_time) <= 900000
GROUP BY 1, page
ORDER BY bucket_start DESC, page
LIMIT :top
