"""How it lies on screens of all widths, and how light it is to keep open."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opened
from tests.browser.looking import settled
from tests.browser.sites import Site

WIDTHS = [(1440, 900), (1024, 768), (820, 1180), (390, 844), (360, 740), (320, 640)]
FIRST_PAINT_MS, GROWTH = 500, 1.10
# Twenty minutes of questions to the counters, and of every fourth to saved queries.
WARM_UP, UPDATES, ROUND, STEP_MS = 72, 240, 24, 5_000
PAPER = 794
GROUND = "(each) => getComputedStyle(each).backgroundColor"
# The width of a plot as it is drawn for paper, and for the screen again.
PRINTED = """() => {
    window.widths = [];
    matchMedia('print').addEventListener('change', () =>
        window.widths.push(document.querySelector('#p-acc canvas').getBoundingClientRect().width));
}"""
# Figures and what is said of them; names alone may be cut.
CUT = """() => [...document.querySelectorAll('.kpi dt, .kpi .v, .kpi .d, .num')]
    .filter((each) => each.offsetParent && each.scrollWidth > each.clientWidth + 1)
    .map((each) => each.textContent)"""
ASK = "dispatchEvent(new Event('tailrace-ask'))"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_nothing_scrolls_sideways(
    opened: Opened, site: Site, width: int, height: int, scheme: str, pictured
) -> None:
    page = settled(opened(site.url, width, height, color_scheme=scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    pictured(page, f"{width}-{scheme}")


def test_the_first_screen_shows_figures_ranking_and_traffic(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url, 1440, 900))
    for each in ("#kpis", "#ranking", "#traffic"):
        box = page.locator(each).bounding_box()
        assert box
        assert box["y"] + box["height"] <= 900, each


def test_targets_on_a_phone_are_large_enough(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url, 390, 844))
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a[href], summary, input:not([type=radio])')]
            .filter((each) => each.offsetParent && !each.matches('.skip, .key'))
            .map((each) => [each.textContent.trim() || each.id, each.getBoundingClientRect()])
            .filter(([, box]) => box.height < 24 || box.width < 24).map(([name]) => name)"""
    )
    assert small == []


def test_on_paper_it_is_light_and_as_wide_as_the_sheet(
    opened: Opened, site: Site, pictured
) -> None:
    page = settled(opened(site.url, color_scheme="dark"))
    page.evaluate(PRINTED)
    page.pdf(format="A4")
    on_paper, again = page.evaluate("window.widths")
    assert again < on_paper < PAPER
    page.set_viewport_size({"width": PAPER, "height": 1123})
    page.emulate_media(media="print")
    assert page.locator("#ranking").evaluate(GROUND) == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
    for each in page.locator("button.btn, #q, .acts, .links").all():
        expect(each).to_be_hidden()
    expect(page.locator("#window")).to_be_visible()
    pictured(page, "print")


def test_with_forced_colours_it_is_told_what_is_chosen(
    opened: Opened, site: Site, pictured
) -> None:
    page = settled(opened(site.url, forced_colors="active"))
    chosen = page.locator("#range input:checked + span").evaluate(GROUND)
    assert chosen != page.locator("#range input:not(:checked) + span").first.evaluate(GROUND)
    tabs = [page.locator(f"#tab-{name}").evaluate(GROUND) for name in ("page", "talker")]
    assert tabs[0] == chosen != tabs[1]
    pictured(page, "forced-colours")


def test_enlarged_four_times_it_is_one_column_that_says_all(
    opened: Opened, site: Site, pictured
) -> None:
    page = settled(opened(site.url, 320, 256, device_scale_factor=4))
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(CUT) == []
    pictured(page, "enlarged")


def test_the_first_paint_comes_at_once(opened: Opened, site: Site) -> None:
    page = opened(site.url)
    page.close()
    again = opened(site.url)
    again.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
    paint = again.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < FIRST_PAINT_MS


def test_twenty_minutes_of_updates_do_not_grow_the_heap(opened: Opened, site: Site) -> None:
    page = opened("about:blank")
    page.clock.install()
    page.goto(site.url)
    settled(page)
    session = page.context.new_cdp_session(page)

    def updated(times: int) -> float:
        for number in range(times):
            if number % 8 == 0:
                site.view(f"/heap/{number % 40}", 3)
            if number % ROUND == 0:
                page.evaluate(ASK)
                settled(page)
            with page.expect_response(lambda answer: "/v1/ranking" in answer.url):
                page.clock.run_for(STEP_MS)
        session.send("HeapProfiler.collectGarbage")
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")["usedSize"]

    before = updated(WARM_UP)
    after = updated(UPDATES)
    expect(page.locator("#banner")).to_be_hidden()
    print(f"{before / 1e6:.2f} MB became {after / 1e6:.2f} MB")  # noqa: T201 - told with -s
    assert after / before <= GROWTH
