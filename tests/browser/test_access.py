"""Everybody can use it: by keyboard alone, with a reader, in both themes."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened
from tests.browser.looking import query, ranked, settled
from tests.browser.sites import Site

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
SERIOUS = ("serious", "critical")
RUN = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .map((each) => [each.impact, each.id, each.nodes.map((node) => node.html).join(' ')])"""
SCHEMES = ["light", "dark"]
STOP = """() => {
    const it = document.activeElement, ring = getComputedStyle(it).outlineStyle;
    // On a row the whole bar has the ring, of a range its word.
    const around = it.closest('.cell') || it.nextElementSibling;
    return {
        tag: it.tagName, id: it.id, text: it.textContent.trim(), panel: it.closest('.panel')?.id || '',
        ringed: [ring, around && getComputedStyle(around).outlineStyle].some((each) => each && each !== 'none'),
    };
}"""
# Of the page: every stop of the Tab key from the skip link to the foot has one of these.
STOPS = ("A", "BUTTON", "SUMMARY", "INPUT", "DIV", "PRE")


def faults(page: Page) -> list[list[str]]:
    """What axe finds that keeps somebody out."""
    page.evaluate(AXE)
    return [each for each in page.evaluate(RUN) if each[0] in SERIOUS]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(opened: Opened, site: Site, scheme: str, pictured) -> None:
    page = settled(opened(site.url, color_scheme=scheme))
    assert faults(page) == []
    pictured(page, f"1440-{scheme}")
    page.keyboard.press("v")
    page.keyboard.press("p")
    assert faults(page) == []
    page.keyboard.press("s")
    expect(page.locator("#sql-c")).to_contain_text("FROM")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert faults(page) == []
    pictured(page, f"keys-{scheme}")
    page.keyboard.press("Escape")
    page.locator("#fresh summary").click()
    assert faults(page) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious_on_a_phone_with_filters(
    opened: Opened, site: Site, scheme: str
) -> None:
    address = f"{site.url}/?by=rejected_port&f=port:22&range=1h"
    assert faults(settled(opened(address, 360, 740, color_scheme=scheme))) == []


def test_the_tab_key_reaches_everything_in_reading_order(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    page.keyboard.press("p")
    seen = []
    for _ in range(120):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop["tag"] == "BODY":
            break
        assert stop["tag"] in STOPS
        assert stop["ringed"], stop
        seen.append(stop)
    ids = [stop["id"] for stop in seen]
    assert seen[0]["text"] == "Skip to the ranking"
    for name in ("live", "theme", "help-b", "tz", "q", "cmp", "anon"):
        assert name in ids, name
    panels = list(dict.fromkeys(stop["panel"] for stop in seen if stop["panel"]))
    assert panels == ["ranking", "traffic", "talkers", "ports", "pipeline"]


def test_every_action_is_done_by_keys_alone(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    page.keyboard.press("1")
    expect(page.locator("#ranking")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    name = ranked(page)[1]
    expect(page.locator("#rank-panel .key").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".fchip code")).to_have_text(name)
    page.keyboard.press("Escape")
    expect(page.locator(".fchip")).to_have_count(0)
    page.keyboard.press("t")
    assert query(page) == "?range=1h"
    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.keyboard.press("x")
    expect(page.locator("#cmp")).to_have_attribute("aria-pressed", "false")
    page.locator("#tab-page").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-talker")).to_be_focused()
    expect(page.locator("#tab-talker")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("3")
    page.keyboard.press("s")
    expect(page.locator("#sql-h")).to_have_text("top_pairs")
    expect(page.locator("#copy-cmd")).to_be_focused()


def test_single_letters_can_be_turned_off_for_good(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    page.keyboard.press("?")
    page.locator("#keys-on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.reload()
    settled(page)
    page.keyboard.press("p")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "true")


def test_letters_in_a_field_are_letters(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    page.locator("#q").click()
    page.keyboard.type("ptd")
    expect(page.locator("#q")).to_have_value("ptd")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "true")


def test_the_focus_stays_on_its_row_through_an_update(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    name = ranked(page)[2]
    page.locator("#rank-panel .key").nth(2).focus()
    site.viewed(name, site.counted(ranked(page)[0]) + 3)
    count = f"{site.counted(name):,}"
    expect(page.locator("#rank-panel tbody")).to_contain_text(count, timeout=20_000)
    expect(page.locator("#rank-panel .key:focus")).to_have_text(name)


def test_the_theme_that_was_chosen_is_there_from_the_first_byte(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url, color_scheme="light"))
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert "dark" in page.evaluate("document.cookie")
    page.reload(wait_until="commit")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) != before
