"""The page while events arrive."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opened
from tests.browser.looking import LIVE_MS, chip, query, ranked, sees, settled
from tests.browser.sites import Site

# Chromium without a window never hides a page by itself.
SHOW = """(hidden) => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_the_ranking_moves_while_events_arrive(opened: Opened, site: Site, pictured) -> None:
    page = settled(opened(site.url))
    pictured(page, "1440-light")
    site.viewed("/rising", 5)
    page.locator("#q").fill("/rising")
    expect(page.locator("#rank-panel .key")).to_have_text(["/rising"], timeout=LIVE_MS)
    page.locator("#q").fill("")
    first = ranked(page)[0]
    site.viewed("/rising", site.counted(first) + 20, "Now on everybody's lips")
    sees(page, lambda page: ranked(page)[0] == "/rising")
    row = page.locator("#rank-panel tbody tr").first
    expect(row.locator(".tag")).to_have_text("Now on everybody's lips")
    expect(row.locator(".mv")).to_have_text("new")
    expect(row.locator("td").nth(4)).not_to_have_text("5")


def test_order_is_held_while_somebody_points_and_figures_go_on(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    before = ranked(page)
    page.locator("#rank-panel .key").nth(3).hover()
    site.viewed(before[-1], site.counted(before[0]) + 5)
    counts = page.locator("#rank-panel tbody td.num:not(.share)")
    most = site.counted(before[-1])
    sees(page, lambda page: f"{most:,}" in counts.all_text_contents())
    expect(page.locator("#rank-foot")).to_contain_text("Order held while you point")
    assert ranked(page)[-1] == before[-1]
    page.mouse.move(0, 0)
    sees(page, lambda page: ranked(page)[0] == before[-1])


def test_a_paused_page_counts_what_waits_and_shows_it_at_once(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    page.keyboard.press("p")
    expect(chip(page)).to_contain_text("Paused")
    before = page.locator("#rank-panel").inner_text()
    site.viewed("/while-paused", site.counted(ranked(page)[0]) + 10)
    expect(page.locator("#live")).to_contain_text("1 new", timeout=LIVE_MS)
    assert page.locator("#rank-panel").inner_text() == before
    page.locator("#live").click()
    sees(page, lambda page: ranked(page)[0] == "/while-paused")


def test_a_hidden_tab_asks_nothing_and_asks_at_once_on_return(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(SHOW, True)
    asked.clear()
    page.wait_for_timeout(7_000)
    assert asked == []
    page.evaluate(SHOW, False)
    sees(page, lambda page: any("/v1/ranking" in url for url in asked))


def test_rows_jump_and_are_marked_where_motion_is_not_wanted(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url, reduced_motion="reduce"))
    last = ranked(page)[-1]
    site.viewed(last, site.counted(ranked(page)[0]) + 5)
    sees(page, lambda page: ranked(page)[0] == last)
    expect(page.locator("#rank-panel tr.mark")).to_have_count(1)
    assert page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("by", ["talker", "rejected_port", "error_path"])
def test_every_ranking_is_one_switch_away(opened: Opened, site: Site, by: str, pictured) -> None:
    page = settled(opened(site.url))
    page.locator(f"#tab-{by}").click()
    assert query(page) == f"?by={by}"
    settled(page)
    expect(page.locator(f"#tab-{by}")).to_have_attribute("aria-selected", "true")
    with site.served.client() as client:
        answer = client.get(f"/v1/ranking?by={by}&k=3").json()
    assert ranked(page)[:3] == [each["key"] for each in answer["items"]]
    pictured(page, f"ranking-{by}")
