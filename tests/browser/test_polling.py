"""What the page asks, when, and what it does with answers that are late, cut or missing."""

import time
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.browser.conftest import Opened
from tests.browser.looking import LIVE_MS, QUERIES_MS, chip, number, ranked, sees, settled
from tests.browser.sites import Site
from tests.browser.test_live import SHOW
from tests.homes import flow
from tests.web.serving import serving

# Days that are written on the axis of time, and where.
DRAWN = """window.drawn = new Map();
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...more) {
    if (/^\\d+ [A-Z][a-z]+$/.test(text)) drawn.set(text, x);
    return fillText.call(this, text, x, y, ...more);
};"""


def test_a_page_that_is_filtered_keeps_its_rank_and_its_share(
    opened: Opened, tmp_path: Path
) -> None:
    with serving(tmp_path / "home") as served:
        site = Site(served)
        for path, times in (("/docs", 2), ("/docs/x", 8), ("/a", 3)):
            site.viewed(path, times)
        page = opened(f"{served.url}/?f=page:/docs")
        row = page.locator("#rank-panel tbody tr")
        expect(row).to_have_count(1, timeout=LIVE_MS)
        expect(row.locator("td").first).to_have_text("3")
        expect(row.locator("td.share")).to_have_text("15.4%")
        expect(page.locator("#rank-foot")).to_contain_text("13 views")


def test_shares_of_many_pages_are_of_all_of_them(opened: Opened, tmp_path: Path) -> None:
    with serving(tmp_path / "home") as served:
        site = Site(served)
        for number_ in range(120):
            site.view(f"/p{number_:03}")
        served.landed()
        page = opened(f"{served.url}/?range=6h")
        expect(page.locator("#rank-panel .key").first).to_be_visible(timeout=QUERIES_MS)
        expect(page.locator("#rank-foot")).to_contain_text("12 of 100 or more · 120 views")
        expect(page.locator("#rank-panel td.share").first).to_have_text("0.83%")


def test_counters_that_are_away_leave_the_rest_alone(opened: Opened, site: Site) -> None:
    page = opened("about:blank")
    said = {"error": {"what": "nothing is counted yet", "where": "", "fix": ""}}
    page.route("**/v1/ranking*", lambda route: route.fulfill(status=503, json=said))
    page.goto(site.url)
    expect(page.locator("#rank-panel h3")).to_have_text("This query failed", timeout=LIVE_MS)
    expect(page.locator("#rank-panel .state")).to_contain_text("nothing is counted yet")
    expect(page.locator("#talk-body .key").first).to_be_visible(timeout=QUERIES_MS)
    expect(page.locator("#banner")).not_to_contain_text("does not answer")
    page.unroute_all(behavior="ignoreErrors")
    expect(page.locator("#rank-panel .key").first).to_be_visible(timeout=LIVE_MS)


def test_a_paused_page_stays_as_it_is_when_somebody_comes_back(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    page.keyboard.press("p")
    before = page.locator("#rank-panel").inner_text()
    page.evaluate(SHOW, True)
    site.viewed("/while-away", site.counted(ranked(page)[0]) + 7)
    page.evaluate(SHOW, False)
    expect(page.locator("#live")).to_contain_text("1 new", timeout=LIVE_MS)
    assert page.locator("#rank-panel").inner_text() == before
    expect(chip(page)).to_contain_text("Paused")


def test_an_answer_that_comes_late_does_not_replace_a_newer_one(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    first = ranked(page)[0]
    page.route("**/v1/ranking?by=page*", hold)
    sees(page, lambda page: bool(held))
    old = held[0].fetch()
    site.viewed(first, 400)
    page.keyboard.press("r")
    count = page.locator("#rank-panel tbody tr td.num:not(.share)").first
    wanted = site.counted(first)
    sees(page, lambda page: number(count.inner_text()) >= wanted)
    held[0].fulfill(response=old)
    page.wait_for_timeout(500)
    assert number(count.inner_text()) >= wanted


def test_the_next_question_waits_for_the_answer_of_the_last(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    asked: list[str] = []

    def hold(route: Route) -> None:
        asked.append(route.request.url)

    page.route("**/v1/ranking?by=page*", hold)
    sees(page, lambda page: bool(asked))
    page.wait_for_timeout(11_000)
    assert len(asked) == 1


def test_the_focus_stays_where_it_is_when_answers_come(opened: Opened, site: Site) -> None:
    page = settled(opened(f"{site.url}/?f=page:/"))
    chosen = page.locator("#chips .fchip button")
    chosen.focus()
    with page.expect_response("**/v1/ranking?*", timeout=LIVE_MS):
        pass
    page.wait_for_timeout(300)
    expect(chosen).to_be_focused()
    talker = page.locator("#talk-body .key").nth(1)
    talker.focus()
    with page.expect_response("**/v1/queries/top_pairs?*", timeout=QUERIES_MS):
        pass
    page.wait_for_timeout(300)
    assert page.evaluate("document.activeElement.closest('#talk-body') !== null")


def test_a_day_begins_where_the_clock_that_is_shown_says(opened: Opened, tmp_path: Path) -> None:
    with serving(tmp_path / "home") as served:
        served.post(flow(7, int(time.time()) - 300))
        served.landed()
        drawn = []
        for zone in ("UTC", "Asia/Tokyo"):
            page = opened("about:blank", timezone_id=zone)
            page.add_init_script(DRAWN)
            page.goto(f"{served.url}/?range=7d")
            sees(page, lambda page: page.evaluate("drawn.size") >= 3)
            drawn.append(page.evaluate("Object.fromEntries(drawn)"))
        assert drawn[0].keys() == drawn[1].keys()
        assert all(abs(at - drawn[1][day]) < 3 for day, at in drawn[0].items())
