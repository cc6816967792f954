"""GET /v1/health and /v1/ranking at the page of a stack."""

from pipeline.counters.ports import Delta
from pipeline.counters.table import OF_LOGS, CountersTable
from tests.counters.account import TABLE
from tests.counters.test_counters import delta, of
from tests.counters.test_table import opened
from tests.deployed.cloud import LAKE
from tests.web.stack.staged import NOW, Browser, Shown

MINUTE = int(NOW.timestamp()) // 60
BATCH = "lake/landing/batch/arrival_dt=2026-11-25/arrival_hour=13/x.parquet"


def test_a_stack_that_is_well_says_where_it_is_and_how_new_it_is(
    page: Shown, browser: Browser
) -> None:
    answer = browser.get("/v1/health")
    told = answer.json()
    assert (answer.status_code, told["status"], told["problem"]) == (200, "ok", "")
    assert (told["home"], told["stage"], told["region"]) == ("aws", "staging", "eu-west-1")
    assert (told["rankings"], told["presets"]["minutes"]) == (["page"], 15)
    assert told["newest_arrival"] == "2026-11-25T14:20:00Z"
    assert [each["name"] for each in told["checks"]] == [
        *("stack", "function", "alarm", "counters")
    ]
    assert "StartQueryExecution" not in page.stage.asked


def test_it_is_looked_at_once_a_minute_whoever_asks(page: Shown, browser: Browser) -> None:
    browser.get("/v1/health")
    asked = len(page.stage.asked)
    page.later(seconds=59)
    browser.get("/v1/health")
    assert len(page.stage.asked) == asked
    page.later(seconds=1)
    browser.get("/v1/health")
    assert len(page.stage.asked) > asked


def test_a_part_that_is_not_well_is_told(page: Shown, browser: Browser) -> None:
    page.stage.said["DescribeAlarms"] = {
        "MetricAlarms": [
            {
                "AlarmName": "tailrace-staging-failed-batches",
                "AlarmDescription": "Batches are given up",
                "StateValue": "ALARM",
                "StateUpdatedTimestamp": NOW.timestamp(),
            }
        ]
    }
    answer = browser.get("/v1/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    problem = "alarm: tailrace-staging-failed-batches: Batches are given up"
    assert answer.json()["problem"] == problem


def test_what_landed_hours_ago_is_found_and_looked_for_from_there_on(
    page: Shown, browser: Browser
) -> None:
    for bucket, key in list(page.stage.objects):
        if bucket == LAKE and "landing/batch" in key:
            del page.stage.objects[bucket, key]
    page.stage.put(LAKE, BATCH, b"", NOW.replace(hour=13, minute=5))
    assert browser.get("/v1/health").json()["newest_arrival"] == "2026-11-25T13:05:00Z"
    lists = page.stage.asked.count("ListObjectsV2")
    page.later(minutes=2)
    assert browser.get("/v1/health").json()["newest_arrival"] == "2026-11-25T13:05:00Z"
    assert page.stage.asked.count("ListObjectsV2") - lists <= 4


def test_who_may_not_ask_is_told_what_to_do(page: Shown, browser: Browser) -> None:
    page.stage.errors["DescribeStacks"] = [(403, "ExpiredToken")]
    answer = browser.get("/v1/health")
    assert answer.status_code == 503
    assert "renew your credentials" in answer.json()["error"]["fix"]
    page.later(seconds=10)
    assert browser.get("/v1/health").status_code == 200


def test_while_aws_does_not_tell_it_is_asked_every_ten_seconds_at_most(
    page: Shown, browser: Browser
) -> None:
    page.stage.errors["DescribeStacks"] = [(403, "ExpiredToken")] * 2
    for seconds, asked in ((0, 1), (9, 1), (1, 2), (9, 2)):
        page.later(seconds=seconds)
        assert browser.get("/v1/health").status_code == 503
        # The first one is of the page's own start.
        assert page.stage.asked.count("DescribeStacks") == 1 + asked


def test_pages_are_ranked_from_the_counters(page: Shown, browser: Browser) -> None:
    counted = delta("", "1", of(MINUTE - 1, **{"/a": 3}), minute=MINUTE)
    assert opened(page.stage.account).add(counted)
    answer = browser.get("/v1/ranking?window=10m&k=5")
    assert [(each["key"], each["count"]) for each in answer.json()["items"]] == [("/a", 3)]
    assert answer.headers["cache-control"] == "private, max-age=1"
    assert browser.get("/v1/ranking?k=5", if_none_match=answer.headers["etag"]).status_code == 304


def test_what_a_stack_does_not_count_is_told_with_what_to_ask(browser: Browser) -> None:
    answer = browser.get("/v1/ranking?by=talker")
    assert answer.status_code == 400
    assert "tailrace query top_talkers" in answer.json()["error"]["fix"]


def test_logs_are_ranked_where_the_stack_counts_them(page: Shown) -> None:
    page.stage.parameters |= {"RankLogs": "true", "ViewsPerSecond": "0"}
    rejected = {"rejected_port": (of(MINUTE - 1, **{"22": 4}),)}
    table = CountersTable(page.stage.account.client, TABLE, OF_LOGS)
    assert table.add(Delta(0, "", "1", rejected, minute=MINUTE))
    with page.opened() as browser:
        ranked = browser.get("/v1/health").json()["rankings"]
        assert ranked == ["talker", "rejected_port", "error_path"]
        items = browser.get("/v1/ranking?by=rejected_port").json()["items"]
        assert [(each["key"], each["count"]) for each in items] == [("22", 4)]
        refused = browser.get("/v1/ranking").json()["error"]
        assert refused["where"] == "it counts talker, rejected_port, error_path"
