"""Every state that the page can be in: what it says, and that it helps."""

import json
import re
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opened
from tests.browser.looking import LIVE_MS, QUERIES_MS, chip, ranked, settled
from tests.browser.sites import Site
from tests.browser.test_access import faults
from tests.homes import flow, lake_files, run
from tests.queries.homes import bring
from tests.web.serving import serving, until

CURL = re.compile(r"curl -A (\S+) -d '(.*)' (\S+)")


def test_a_home_without_anything_says_what_brings_the_first_rows(
    opened: Opened, tmp_path: Path, pictured
) -> None:
    with serving(tmp_path / "home") as served:
        page = opened(served.url)
        expect(page.locator("#rank-panel h3")).to_have_text("Nothing has arrived yet")
        expect(chip(page)).to_have_text("No data yet")
        expect(page.locator(".sk")).to_have_count(0, timeout=QUERIES_MS)
        pictured(page, "empty")
        commands = page.locator("#rank-panel .cmdline code").all_text_contents()
        assert commands[2] == "tailrace demo"
        said = CURL.fullmatch(commands[0])
        assert said
        headers = {"content-type": "application/x-www-form-urlencoded", "user-agent": said[1]}
        posted = httpx.post(said[3], content=said[2], headers=headers, trust_env=False)
        assert posted.status_code == 204
        expect(page.locator("#rank-panel .key")).to_have_text(["/hello"], timeout=LIVE_MS)


def test_an_old_home_says_since_when_nothing_has_come(
    opened: Opened, tmp_path: Path, pictured
) -> None:
    home = tmp_path / "home"
    line = flow(7, 1_795_600_000).decode().strip()
    bring(home, [line], arrival="2026-11-25T14:00:00", formats=())
    with serving(home) as served:
        page = opened(served.url)
        banner = page.locator("#banner")
        expect(banner).to_contain_text("No new data since 25 Nov 14:00:00 UTC")
        expect(banner).to_contain_text("the stream has received nothing since")
        expect(chip(page)).to_contain_text("Stale")
        expect(page.locator("body")).to_have_class("is-old")
        pictured(page, "stale")
        page.keyboard.press("v")
        # The last minute may still come.
        expect(page.locator("#traffic-table")).to_contain_text("not yet")
        said = page.locator("#traffic-table tbody td[colspan]").all_text_contents()
        assert said[:6] == ["not yet"] * 6
        assert set(said[7:]) == {"no data"}
        served.post(flow(8, int(time.time())))
        expect(banner).to_be_hidden(timeout=LIVE_MS)
        expect(chip(page)).to_contain_text("Fresh")


def test_a_server_that_is_gone_leaves_the_last_good_numbers(
    opened: Opened, tmp_path: Path, pictured
) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        site, port = Site(served), served.url.rpartition(":")[2]
        site.viewed("/kept", 3)
        page = opened(served.url)
        expect(page.locator("#rank-panel .key")).to_have_text(["/kept"], timeout=LIVE_MS)
        assert served.end() == 0
        banner = page.locator("#banner")
        expect(banner).to_contain_text("The server does not answer.", timeout=LIVE_MS)
        expect(banner).to_contain_text(
            re.compile(r"Try \d in \d+.s\. Below: the last good numbers")
        )
        expect(chip(page)).to_contain_text("No answer")
        assert ranked(page) == ["/kept"]
        pictured(page, "error")
    with serving(home, "--port", port) as served:
        page.locator("#banner button", has_text="Try now").click()
        expect(banner).to_be_hidden(timeout=LIVE_MS)
        site = Site(served)
        site.viewed("/back", 5)
        expect(page.locator("#rank-panel .key").first).to_have_text("/back", timeout=LIVE_MS)


def test_one_panel_fails_and_the_others_live(opened: Opened, tmp_path: Path, pictured) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        served.post(flow(9, int(time.time()) - 20) + b"this is no flow\n")
        served.landed()
        (file,) = lake_files(home, "reject")
        file.write_bytes(b"not Parquet")
        page = opened(served.url)
        expect(page.locator("#rejects h3")).to_have_text("This query failed", timeout=QUERIES_MS)
        expect(page.locator("#talk-body .key").first).to_be_visible(timeout=QUERIES_MS)
        expect(page.locator("#rejects .state")).to_contain_text("other panels are not affected")
        expect(page.locator("#banner")).to_be_hidden()
        said = page.locator("#rejects").inner_text()
        assert str(home) not in said
        request = re.search(r"Request ([0-9a-f]{4}-[0-9a-f]{4})\.", said)
        assert request
        assert f"request {request[1]} failed: GET /v1/queries/rejects" in served.said()
        pictured(page, "partial")


def test_what_does_not_land_is_told(opened: Opened, tmp_path: Path, pictured) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        (home / "lake").write_text("in the way")
        served.post(flow(1, int(time.time())))
        until(lambda: served.get("/v1/health").status_code == 503)
        page = opened(served.url)
        expect(page.locator("#banner")).to_contain_text("What arrives does not land.")
        expect(page.locator("#banner")).to_contain_text("It is kept and tried again")
        pictured(page, "holding")
        (home / "lake").unlink()
        expect(page.locator("#banner")).to_be_hidden(timeout=QUERIES_MS)


def test_while_it_asks_the_page_has_its_final_size(opened: Opened, site: Site, pictured) -> None:
    page = opened("about:blank")
    page.route("**/v1/**", lambda route: None)
    page.goto(site.url)
    expect(page.locator("#rank-panel .sk").first).to_be_visible()
    expect(chip(page)).to_have_text("Asking")
    pictured(page, "loading")
    waiting = [page.locator(each).bounding_box() for each in ("#ranking", "#talkers", "#pipeline")]
    # Else a banner would say how old everything is.
    site.view("/now")
    site.served.landed()
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    settled(page)
    there = [page.locator(each).bounding_box() for each in ("#ranking", "#talkers", "#pipeline")]
    assert [each and each["y"] for each in waiting] == [each and each["y"] for each in there]


def test_the_books_of_the_page_are_those_of_the_audit(opened: Opened, site: Site) -> None:
    page = settled(opened(f"{site.url}/?range=1h"))
    figures = page.locator("#ledger dd").all_text_contents()
    counts = [int(each.replace(",", "")) for each in figures]
    assert counts[0] == sum(counts[1:4])
    assert counts[4] == 0
    expect(page.locator("#ledger .verdict")).to_have_text("Balanced")
    hours = json.loads(run("audit", "--json", "--home", site.served.home).out)["hours"]
    assert sum(hour["rejected"] for hour in hours) == counts[2]


def test_without_scripts_the_same_figures_stand_in_tables(
    opened: Opened, site: Site, pictured
) -> None:
    site.served.landed()
    page = opened(site.url, java_script_enabled=False)
    page.wait_for_url("**/plain")
    titles = page.locator("h2").all_text_contents()
    assert titles[:4] == ["Pages", "Traffic", "Top talkers", "Rejected ports"]
    pages = page.locator("section", has=page.locator("#top_pages"))
    expect(pages.locator("tr").nth(1).locator("td").first).to_have_text(re.compile("^/"))
    assert page.locator("dl div", has_text="Unaccounted").locator("dd").inner_text() == "0"
    pictured(page, "plain")
    page.locator("nav a", has_text="1h").click()
    page.wait_for_url("**/plain?range=1h")
    expect(page.locator("nav a[aria-current]")).to_have_text("1h")


@pytest.mark.parametrize(("width", "scheme"), [(1024, "light"), (320, "dark")])
def test_the_tables_are_for_everybody(opened: Opened, site: Site, width: int, scheme: str) -> None:
    page = opened(f"{site.url}/plain", width, 700, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults(page) == []
