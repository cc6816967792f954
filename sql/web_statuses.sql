-- name: web_statuses
-- title: Statuses over time
-- description: requests per bucket by class of status
-- subject: web
-- panel: series
-- since: 1h
-- param: bucket integer 1..1440 = 5 -- minutes in a bucket
-- param: top integer 1..100000 = 10000 -- rows at most, the oldest first
-- column: bucket_start timestamp(3) -- first moment of the bucket, UTC
-- column: source varchar -- what logged them
-- column: requests bigint (requests)
-- column: status_2xx bigint (requests)
-- column: status_3xx bigint (requests)
-- column: status_4xx bigint (requests)
-- column: status_5xx bigint (requests)
-- column: other bigint (requests) -- any other status, or none
-- column: bytes bigint (bytes) -- sent to clients
--
-- Buckets without a request are left out: no data is not zero.
SELECT
    date_add(
        'minute',
        date_diff('minute', TIMESTAMP '1970-01-01 00:00:00.000', event_time) / :bucket * :bucket,
        TIMESTAMP '1970-01-01 00:00:00.000'
    ) AS bucket_start,
    source,
    count(*) AS requests,
    count(*) FILTER (WHERE status BETWEEN 200 AND 299) AS status_2xx,
    count(*) FILTER (WHERE status BETWEEN 300 AND 399) AS status_3xx,
    count(*) FILTER (WHERE status BETWEEN 400 AND 499) AS status_4xx,
    count(*) FILTER (WHERE status BETWEEN 500 AND 599) AS status_5xx,
    count(*) FILTER (WHERE COALESCE(status, 0) NOT BETWEEN 200 AND 599) AS other,
    COALESCE(sum(bytes_sent), 0) AS bytes
FROM http_request
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY 1, 2
ORDER BY bucket_start, source
LIMIT :top
