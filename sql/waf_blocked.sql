-- name: waf_blocked
-- title: Blocked by the firewall
-- description: what WAF's rules stopped, and whom
-- subject: security
-- panel: table
-- since: 24h
-- param: top integer 1..10000 = 20 -- rows at most
-- column: rule varchar -- in a rule group: group and rule
-- column: action varchar -- BLOCK, CAPTCHA or CHALLENGE
-- column: requests bigint (requests)
-- column: clients bigint (addresses) -- different addresses
-- column: countries bigint (countries) -- different countries
-- column: path varchar -- of several the last in the alphabet
-- column: first_seen timestamp(3)
-- column: last_seen timestamp(3)
SELECT
    COALESCE(rule_in_group, terminating_rule_id) AS rule,
    action,
    count(*) AS requests,
    count(DISTINCT client_ip) AS clients,
    count(DISTINCT country) AS countries,
    max(path) AS path,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM waf
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
    AND action IN ('BLOCK', 'CAPTCHA', 'CHALLENGE')
GROUP BY 1, 2
ORDER BY requests DESC, rule, action
LIMIT :top
