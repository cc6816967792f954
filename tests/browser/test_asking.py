"""Asking the page: filters, ranges, tables, SQL, files, the address."""

import csv
import json
import shlex

from playwright.sync_api import expect

from tests.browser.conftest import Opened
from tests.browser.looking import QUERIES_MS, query, ranked, sees, settled
from tests.browser.sites import SCANNER, Site
from tests.homes import call


def test_a_click_filters_every_panel_and_back_returns(opened: Opened, site: Site, pictured) -> None:
    page = settled(opened(f"{site.url}/?by=talker"))
    source = page.locator("#talk-body .key").first.inner_text()
    page.locator("#talk-body .key").first.click()
    assert query(page) == f"?by=talker&f=source%3A{source}"
    expect(page.locator(".fchip code")).to_have_text(source)
    settled(page)
    assert ranked(page) == [source]
    assert "Destination" in page.locator("#talk-body thead").inner_text()
    expect(page.locator("#kpis")).to_contain_text("Events per minute · not filtered")
    # Others may have been heard of at that time.
    expect(page.locator("#traffic-foot")).to_contain_text("without a flow that fits")
    pictured(page, "filtered")
    page.reload()
    settled(page)
    assert ranked(page) == [source]
    page.go_back()
    expect(page.locator(".fchip")).to_have_count(0)
    sees(page, lambda page: len(ranked(page)) > 1)
    assert query(page) == "?by=talker"


def test_a_source_that_is_only_turned_away_shows_what_it_tried(opened: Opened, site: Site) -> None:
    page = settled(opened(f"{site.url}/?by=rejected_port&f=source:{SCANNER}"))
    expect(page.locator("#talk-sub")).to_have_text("by rejected bytes", timeout=QUERIES_MS)
    expect(page.locator("#n-acc")).to_have_text("Nothing accepted in this window")
    expect(page.locator("#h-ports")).to_have_text("Rejected sources")
    assert ranked(page)[0].isdigit()


def test_what_cannot_follow_a_filter_says_so(opened: Opened, site: Site) -> None:
    page = settled(opened(f"{site.url}/?f=port:22"))
    expect(page.locator("#ranking .scope:not(.age)")).to_be_visible()
    expect(page.locator("#ranking .scope:not(.age)")).to_have_attribute(
        "title", "Page views have no port"
    )
    expect(page.locator("#ports .scope:not(.age)")).to_be_hidden()


def test_the_filter_box_narrows_and_makes_chips(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    page.keyboard.press("/")
    page.keyboard.type("zzz")
    expect(page.locator("#rank-panel h3")).to_have_text("No row matches")
    page.locator("#q").fill("port:22")
    page.keyboard.press("Enter")
    expect(page.locator(".fchip")).to_have_text("port22")
    page.keyboard.press("Escape")
    expect(page.locator(".fchip")).to_have_count(0)


def test_a_range_is_chosen_by_arrow_keys_and_stands_in_the_address(
    opened: Opened, site: Site, pictured
) -> None:
    page = settled(opened(site.url))
    page.locator("#range input").first.focus()
    page.keyboard.press("ArrowRight")
    assert query(page) == "?range=1h"
    expect(page.locator("#traffic-sub")).to_have_text("1 min buckets", timeout=QUERIES_MS)
    settled(page)
    pictured(page, "range-1h")
    page.keyboard.press("ArrowRight")
    assert query(page) == "?range=6h"
    # Beyond an hour the tables answer.
    expect(page.locator("#rank-panel .no-trend")).to_be_visible(timeout=QUERIES_MS)
    page.go_back()
    assert query(page) == "?range=1h"
    expect(page.locator("#range input:checked")).to_have_value("1h")


def test_drag_zooms_both_plots_and_escape_returns(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    box = page.locator("#p-acc .u-over").bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=8)
    page.mouse.up()
    expect(page.locator("#reset")).to_be_visible()
    expect(page.locator("#reset")).to_have_text("Back to 10m")
    assert "from=" in query(page)
    settled(page)
    page.keyboard.press("Escape")
    expect(page.locator("#reset")).to_be_hidden()
    assert query(page) == ""


def test_the_table_of_the_traffic_has_every_number(opened: Opened, site: Site, pictured) -> None:
    page = settled(opened(site.url))
    page.keyboard.press("v")
    table = page.locator("#traffic-table")
    expect(table).to_be_visible()
    assert query(page) == "?view=traffic"
    assert table.locator("tbody tr").count() in (60, 61)
    assert "B/s" in table.inner_text()
    pictured(page, "table")
    page.keyboard.press("v")
    expect(page.locator("#p-acc canvas")).to_be_visible()


def test_the_command_that_is_copied_prints_the_same_rows(
    opened: Opened, site: Site, pictured
) -> None:
    page = settled(opened(site.url))
    page.locator("[data-panel=ports] [data-act=sql]").click()
    expect(page.locator("#sql-c")).to_contain_text("FROM vpc_flow")
    pictured(page, "sql")
    page.locator("#copy-cmd").click()
    expect(page.locator("#copy-cmd")).to_have_text("Copied")
    command = page.evaluate("navigator.clipboard.readText()")
    words = shlex.split(command)
    assert words[:3] == ["tailrace", "query", "rejected_ports"]
    ran = call(*words[1:], "--output", "json", "--home", site.served.home)
    told = json.loads(ran.out)["rows"]
    shown = page.locator("#ports-body .key").all_text_contents()
    # What has no port has its protocol's name.
    assert {str(port or protocol) for port, protocol, *_ in told} == set(shown)
    expect(page.locator("#sql-home")).to_be_visible()


def test_each_panel_saves_its_rows(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url))
    with page.expect_download() as coming:
        page.locator("[data-panel=talkers] a").click()
    assert coming.value.suggested_filename == "top_pairs.csv"
    with open(coming.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["srcaddr"] == page.locator("#talk-body .key").first.inner_text()
    page.keyboard.press("s")
    with page.expect_download() as coming:
        page.locator("#saves a", has_text="PARQUET").click()
    assert coming.value.path().read_bytes()[:4] == b"PAR1"


def test_addresses_are_hidden_in_the_page_and_in_what_is_saved(opened: Opened, site: Site) -> None:
    page = settled(opened(f"{site.url}/?by=talker"))
    address = ranked(page)[0]
    page.keyboard.press("a")
    expect(page.locator("#rank-panel .key").first).to_have_text(
        address.rpartition(".")[0] + ".0/24"
    )
    assert address not in page.locator("main").inner_text()
    with page.expect_download() as coming:
        page.locator("[data-panel=talkers] a").click()
    text = coming.value.path().read_text()
    assert ".0/24" in text
    assert address not in text


def test_times_are_local_where_that_is_wanted(opened: Opened, site: Site) -> None:
    page = settled(opened(site.url, timezone_id="Asia/Tokyo"))
    before = page.locator("#window").inner_text()
    page.keyboard.press("u")
    expect(page.locator("#tz")).to_have_text("local")
    after = page.locator("#window").inner_text()
    assert (int(after[:2]) - int(before[:2])) % 24 == 9
    assert query(page) == "?tz=local"


def test_a_damaged_address_opens_the_page_as_usual(opened: Opened, site: Site) -> None:
    page = opened(f"{site.url}/?range=9y&by=%00&f=nothing&f=x:y&from=a&to=b&view=<b>&tz=%ff")
    settled(page)
    expect(page.locator("#range input:checked")).to_have_value("10m")
    sees(page, lambda page: len(ranked(page)) > 1)
