-- name: page_trend
-- title: Views over time
-- description: views per bucket, of one page or of all
-- subject: web
-- panel: series
-- since: 1h
-- param: page varchar = * -- only this one; * for all
-- param: bucket integer 1..86400 = 60 -- seconds in a bucket
-- param: people boolean = true -- leave programs and what belongs to a page out
-- param: top integer 1..100000 = 10000 -- rows at most, the oldest first
-- column: bucket_start timestamp(3) -- first moment of the bucket, UTC
-- column: views bigint (views)
-- column: late bigint (views) -- of these came too late for the live ranking
-- column: visitors bigint (visitors) -- different ones of a day
--
-- Buckets without a view are left out: no data is not zero.
SELECT
    date_add(
        'second',
        date_diff('second', TIMESTAMP '1970-01-01 00:00:00.000', event_time) / :bucket * :bucket,
        TIMESTAMP '1970-01-01 00:00:00.000'
    ) AS bucket_start,
    count(*) AS views,
    count(*) FILTER (WHERE date_diff('millisecond', event_time, ingest_time) > 900000) AS late,
    count(DISTINCT visitor) AS visitors
FROM page_view
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND (:page = '*' OR page = :page)
    AND NOT (:people AND (COALESCE(is_bot, false) OR COALESCE(is_asset, false)))
GROUP BY 1
ORDER BY bucket_start
LIMIT :top
