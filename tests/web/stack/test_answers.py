"""Saved queries at the page of a stack: what is there is given, what costs is asked for."""

import io

import pytest
from pyarrow import parquet

from pipeline.presets import presets
from tests.web.stack.staged import Browser, Shown, asked_once

PAIRS = "/v1/queries/top_pairs?since=1h&top=8"
OTHER = "/v1/queries/top_pairs?since=1h&top=5"


def test_nobody_is_charged_unasked(page: Shown, browser: Browser) -> None:
    answer = browser.get(PAIRS)
    assert answer.status_code == 402, answer.text
    assert answer.json()["error"] == {
        "what": "Athena has to be asked, which costs 0.50 USD at most",
        "where": "top_pairs",
        "fix": "ask with the header tailrace-most-usd, or wait until it is asked on schedule",
    }
    assert page.stage.started == []


def test_what_is_asked_on_schedule_is_answered_for_nothing(page: Shown, browser: Browser) -> None:
    page.take(asked_once())
    page.later(minutes=4)
    answer = browser.get(PAIRS)
    assert (answer.status_code, answer.headers["age"]) == (200, "240")
    told = answer.json()
    assert (told["from"], told["to"]) == ("2026-11-25T13:30:00Z", "2026-11-25T14:30:00Z")
    assert (told["as_of"], told["engine"]) == ("2026-11-25T14:30:00Z", "athena")
    assert [row[0] for row in told["rows"]] == ["172.31.16.139"]
    assert page.stage.started == []


def test_each_preset_is_found_by_what_the_page_asks(page: Shown, browser: Browser) -> None:
    page.take(asked_once())
    for preset in presets():
        words = "".join(f"&{name}={value}" for name, value in preset.params)
        path = f"/v1/queries/{preset.name}?since={preset.seconds // 3600}h{words}"
        assert browser.get(path).status_code == 200, path


def test_what_is_paid_for_is_asked_once_and_shown_with_its_age(
    page: Shown, browser: Browser
) -> None:
    paid = browser.get(PAIRS, tailrace_most_usd="0.5")
    assert (paid.status_code, paid.headers["age"]) == (200, "0")
    assert len(page.stage.started) == 1
    page.later(minutes=10)
    again = browser.get(PAIRS)
    assert (again.status_code, again.headers["age"]) == (200, "600")
    assert again.json()["rows"] == paid.json()["rows"]
    assert browser.get(OTHER).status_code == 402
    page.later(minutes=51)
    assert browser.get(PAIRS).status_code == 402
    assert len(page.stage.started) == 1


def test_rows_that_are_paid_for_are_saved_as_a_file_for_nothing(
    page: Shown, browser: Browser
) -> None:
    browser.get(PAIRS, tailrace_most_usd="0.5")
    file = browser.get(f"{PAIRS}&output=parquet")
    assert file.headers["content-disposition"] == 'attachment; filename="top_pairs.parquet"'
    table = parquet.read_table(io.BytesIO(file.content))
    assert table["bytes"].to_pylist() == [6]
    hidden = browser.get(f"{PAIRS}&output=csv&anonymise=true")
    assert "172.31.16.0/24" in hidden.text
    assert len(page.stage.started) == 1


def test_the_price_is_what_the_same_query_read_last_by_day(page: Shown, browser: Browser) -> None:
    unknown = browser.get("/v1/queries/top_pairs/price?since=1h&top=5").json()
    assert unknown == {"usd": None, "bytes": None, "basis": "limit", "most_usd": 0.5}
    page.take(asked_once())
    page.later(seconds=31)
    assert browser.get("/v1/queries/top_pairs/price?since=1h&top=8").json()["basis"] == "kept"
    day = browser.get("/v1/queries/top_pairs/price?since=1h&top=5").json()
    assert (day["basis"], day["bytes"], day["usd"]) == ("last_run", 25_000_000, 0.000125)
    days = browser.get("/v1/queries/top_pairs/price?from=2026-11-20&to=2026-11-24").json()
    assert (days["bytes"], days["usd"]) == (100_000_000, 0.0005)


def test_more_than_was_agreed_to_is_not_paid(page: Shown, browser: Browser) -> None:
    page.take(asked_once())
    week = "/v1/queries/top_pairs?from=2026-11-20&to=2026-11-24"
    refused = browser.get(week, tailrace_most_usd="0.0004")
    assert refused.status_code == 402
    assert "costs about 0.000500 USD" in refused.json()["error"]["what"]
    assert browser.get(week, tailrace_most_usd="0.0005").status_code == 200
    assert len(page.stage.started) == 1


@pytest.mark.parametrize("text", ["", "-1", "1e9", "all", "0x1", "9999999", "0.5, 1"])
def test_what_is_no_sum_is_refused(browser: Browser, text: str) -> None:
    answer = browser.get(PAIRS, tailrace_most_usd=text)
    assert answer.status_code == 400
    assert "tailrace-most-usd" in answer.json()["error"]["what"]


def test_a_damaged_object_is_asked_like_any_other(page: Shown, browser: Browser) -> None:
    page.take(asked_once())
    for bucket, key in list(page.stage.objects):
        if key.startswith("presets/"):
            page.stage.put(bucket, key, b"\x1f\x8b no gzip", page.now)
    assert browser.get(PAIRS).status_code == 402


def test_nothing_is_taken_in(browser: Browser) -> None:
    for path in ("/v1/pixel.gif", "/v1/tailrace.js", "/v1/views"):
        assert browser.get(path).status_code == 404
    assert "/v1/logs/{source}" not in browser.get("/v1/openapi.json").json()["paths"]
    assert browser.get("/").status_code == 200


def test_the_page_without_scripts_asks_nothing_that_costs(page: Shown, browser: Browser) -> None:
    empty = browser.get("/plain").text
    assert '<a href="plain?range=1h" aria-current="page">1h</a>' in empty
    assert "<table>" not in empty
    page.take(asked_once())
    page.later(seconds=61)
    text = browser.get("/plain").text
    assert "<dt>Bytes accepted</dt><dd>6</dd>" in text
    assert '<h2 id="top_pairs">Top talkers</h2>\n<p>Asked at 2026-11-25T14:30:00Z.</p>\n<' in text
    assert page.stage.started == []


def test_the_page_without_scripts_says_when_its_figures_were_asked(
    page: Shown, browser: Browser
) -> None:
    page.take(asked_once())
    page.later(seconds=30)
    assert "Asked at" not in browser.get("/plain").text
    page.later(hours=13)
    text = browser.get("/plain").text
    assert "As of 2026-11-26T03:30:30Z" in text
    # Once above the figures, and once in each panel.
    assert text.count("<p>Asked at 2026-11-25T14:30:00Z.</p>") == 10
    assert "<dt>Bytes accepted</dt><dd>6</dd>" in text
