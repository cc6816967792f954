"""What somebody pays for: it is found again, counted, and broken off at what was agreed to."""

from tests.web.stack.staged import Browser, Shown, asked_once

PAIRS = "/v1/queries/top_pairs?since=1h&top=8"


def test_what_took_athena_long_is_found_again(page: Shown, browser: Browser) -> None:
    page.stage.looked = lambda: page.later(seconds=40)
    paid = browser.get(PAIRS, tailrace_most_usd="0.5")
    page.later(minutes=1)
    again = browser.get(PAIRS)
    assert (again.status_code, again.headers["age"]) == (200, "100")
    assert again.json()["rows"] == paid.json()["rows"]
    assert len(page.stage.started) == 1


def spent(browser: Browser) -> tuple[int, int, float]:
    told = browser.get("/v1/health").json()["spent"]
    return told["queries"], told["bytes_scanned"], round(told["usd"], 9)


def test_what_is_broken_off_is_counted(page: Shown, browser: Browser) -> None:
    page.stage.states, browser.reader.patience_s = ("RUNNING",), 0.0
    answer = browser.get(PAIRS, tailrace_most_usd="0.5")
    assert (answer.status_code, answer.json()["error"]["what"]) == (
        503,
        "the query took too long and was broken off",
    )
    assert page.stage.asked.count("StopQueryExecution") == 1
    assert spent(browser) == (1, 25_000_000, 0.000125)


def test_what_athena_fails_is_counted_and_not_billed(page: Shown, browser: Browser) -> None:
    page.stage.refuses = "pkt_"
    for number in (1, 2):
        assert browser.get(PAIRS, tailrace_most_usd="0.5").status_code == 503
        assert spent(browser) == (number, number * 25_000_000, 0.0)


def test_what_is_never_looked_at_is_counted_as_the_least(page: Shown, browser: Browser) -> None:
    page.stage.errors["GetQueryExecution"] = [(400, "InvalidRequestException")] * 9
    assert browser.get(PAIRS, tailrace_most_usd="0.5").status_code == 503
    assert spent(browser) == (1, 0, 0.00005)


def test_what_reads_more_than_was_agreed_to_is_broken_off(page: Shown, browser: Browser) -> None:
    page.take(asked_once())
    page.stage.states, page.stage.scanned = ("RUNNING", "SUCCEEDED"), 60_000_000
    other = "/v1/queries/top_pairs?since=1h&top=5"
    answer = browser.get(other, tailrace_most_usd="0.00025")
    assert answer.status_code == 402
    assert answer.json()["error"] == {
        "what": "it was broken off when it had cost 0.000300 USD, which is more than was agreed to",
        "where": "top_pairs",
        "fix": "agree to more in the header tailrace-most-usd, or ask for a shorter window",
    }
    assert page.stage.asked.count("StopQueryExecution") == 1
    assert spent(browser) == (1, 60_000_000, 0.0003)
    assert browser.get(other, tailrace_most_usd="0.0003").status_code == 200


def test_what_athena_tells_at_the_end_is_paid_and_kept(page: Shown, browser: Browser) -> None:
    page.take(asked_once())
    page.stage.scanned = 60_000_000
    other = "/v1/queries/top_pairs?since=1h&top=5"
    assert browser.get(other, tailrace_most_usd="0.00025").status_code == 200
    assert spent(browser) == (1, 60_000_000, 0.0003)
