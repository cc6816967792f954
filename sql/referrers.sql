-- name: referrers
-- title: Where visitors come from
-- description: hosts of the pages before, and where they lead to most
-- subject: web
-- panel: ranking
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- param: people boolean = true -- leave programs and what belongs to a page out
-- column: referrer_host varchar -- empty: none was told
-- column: views bigint (views)
-- column: visitors bigint (visitors) -- different ones of a day
-- column: pages bigint (pages) -- different ones that they lead to
-- column: share double (share) -- of all views
SELECT
    COALESCE(referrer_host, '') AS referrer_host,
    count(*) AS views,
    count(DISTINCT visitor) AS visitors,
    count(DISTINCT page) AS pages,
    CAST(count(*) AS double) / sum(count(*)) OVER () AS share
FROM page_view
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND NOT (:people AND (COALESCE(is_bot, false) OR COALESCE(is_asset, false)))
GROUP BY 1
ORDER BY views DESC, referrer_host
LIMIT :top
