-- name: top_pages
-- title: Most viewed pages
-- description: pages by views, and by how many visitors
-- subject: web
-- panel: ranking
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- param: people boolean = true -- leave programs and what belongs to a page out
-- column: page varchar
-- column: title varchar -- of several the last in the alphabet
-- column: views bigint (views)
-- column: late bigint (views) -- of these came too late for the live ranking
-- column: visitors bigint (visitors) -- different ones of a day
-- column: share double (share) -- of all views
-- column: first_seen timestamp(3)
-- column: last_seen timestamp(3)
--
-- The live ranking counts what arrives within 15 minutes of its time: for minutes that are over it
-- says views - late.
SELECT
    page,
    max(title) AS title,
    count(*) AS views,
    count(*) FILTER (WHERE date_diff('millisecond', event_time, ingest_time) > 900000) AS late,
    count(DISTINCT visitor) AS visitors,
    CAST(count(*) AS double) / sum(count(*)) OVER () AS share,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM page_view
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND NOT (:people AND (COALESCE(is_bot, false) OR COALESCE(is_asset, false)))
GROUP BY page
ORDER BY views DESC, page
LIMIT :top
