-- name: resolved_names
-- title: Names resolved
-- description: names that VPCs ask for most, and which are not there
-- subject: applications
-- panel: table
-- since: 1h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: name varchar -- in lower case, without the dot at its end
-- column: queries bigint (queries) -- beyond the Resolver's cache
-- column: sources bigint (addresses) -- different addresses that asked
-- column: failed bigint (queries) -- answered with NXDOMAIN, SERVFAIL or REFUSED
-- column: blocked bigint (queries) -- by a rule of the DNS firewall
-- column: answers varchar -- of several the last in the alphabet
-- column: first_seen timestamp(3)
-- column: last_seen timestamp(3)
SELECT
    lower(regexp_replace(query_name, '\.$', '')) AS name,
    count(*) AS queries,
    count(DISTINCT srcaddr) AS sources,
    count(*) FILTER (WHERE rcode IN ('NXDOMAIN', 'SERVFAIL', 'REFUSED')) AS failed,
    count(*) FILTER (WHERE firewall_rule_action = 'BLOCK') AS blocked,
    max(answers) AS answers,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM resolver
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND query_name IS NOT NULL
GROUP BY 1
ORDER BY queries DESC, name
LIMIT :top
