"""Text of a log is somebody else's: it is shown, and never becomes anything else."""

import csv
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from pipeline.cli.output import visible
from tests.browser.conftest import Opened
from tests.browser.looking import LIVE_MS, QUERIES_MS, elements, settled
from tests.browser.payloads import PAYLOADS
from tests.browser.sites import Site, post_lines
from tests.web.serving import serving, until

# What a mistake of ours would do.
MISTAKES = (
    "document.body.innerHTML = '<img src=x onerror=\"window.pwned=1\">'",
    "document.createElement('a').setAttribute('onclick', 'window.pwned=1')",
    "document.createElement('script').textContent = 'window.pwned=1'",
    "document.write('<b>')",
    "setTimeout('window.pwned=1')",
)
PWNED = "() => window.pwned ?? null"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server whose page views, flows and rejects hold all payloads."""
    folder: Path = tmp_path_factory.mktemp("attacked")
    with serving(folder / "home") as served:
        site = Site(served)
        for number, payload in enumerate(PAYLOADS):
            # With marks of direction a path is refused; in a title it becomes another one.
            path = f"/p{number:02}/{payload}".replace("\u202e", "")
            site.view(path, number + 1, f"{payload} {number}")
        post_lines(served, "vpc-flow", [payload.encode() for payload in PAYLOADS])
        post_lines(
            served, "app-log", [f"2026-11-27T10:00:00Z ERROR {each}".encode() for each in PAYLOADS]
        )
        until(lambda: len(keys(site)) == len(PAYLOADS))
        yield site


def keys(site: Site) -> dict[str, str]:
    """Keys of the ranking by the number that they begin with."""
    with site.served.client() as client:
        items = client.get("/v1/ranking?k=1000&bots=false&assets=false").json()["items"]
    return {each["key"][:4]: each["key"] for each in items}


def test_there_are_fifty_of_them() -> None:
    assert len(set(PAYLOADS)) >= 50


def test_every_payload_is_shown_as_it_is_and_nothing_comes_of_it(
    opened: Opened, attacked: Site, pictured
) -> None:
    page = settled(opened(attacked.url))
    stored = keys(attacked)
    for number in range(len(PAYLOADS)):
        page.locator("#q").fill(f"/p{number:02}")
        shown = page.locator("#rank-panel .key")
        expect(shown).to_have_count(1, timeout=LIVE_MS)
        assert shown.text_content() == visible(stored[f"/p{number:02}"])
        assert elements(page) == []
    page.locator("#q").fill("")
    pictured(page, "attacked")
    assert page.evaluate(PWNED) is None


def test_a_payload_can_be_filtered_by_and_comes_back_from_the_address(
    opened: Opened, attacked: Site
) -> None:
    page = settled(opened(attacked.url))
    page.locator("#q").fill("/p00")
    page.locator("#rank-panel .key").first.click()
    page.reload()
    settled(page)
    expect(page.locator(".fchip code")).to_have_text(keys(attacked)["/p00"])
    assert elements(page) == []
    page.locator("[data-panel=ranking] [data-act=sql]").click()
    expect(page.locator("#sql-c")).to_contain_text("FROM page_view")
    assert elements(page) == []


def test_rejected_lines_are_shown_and_nothing_comes_of_them(
    opened: Opened, attacked: Site, pictured
) -> None:
    page = settled(opened(attacked.url))
    page.locator("#rejects button", has_text="Open the quarantine").click(timeout=QUERIES_MS)
    told = page.locator("#rejects-body")
    expect(told).to_be_visible()
    assert "window.pwned" in told.inner_text()
    assert elements(page) == []
    pictured(page, "rejects")
    assert page.evaluate(PWNED) is None


def test_addresses_that_hold_payloads_open_the_page_as_usual(
    opened: Opened, attacked: Site
) -> None:
    for payload in PAYLOADS[:6]:
        page = opened(attacked.url)
        page.goto(f"{attacked.url}/?f=page:{payload}&range={payload}&by={payload}&view={payload}")
        expect(page.locator("#kpis .kpi")).to_have_count(5)
        assert elements(page) == []
        assert page.evaluate(PWNED) is None


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_policy_stops_what_a_mistake_would_let_through(
    browser: Browser, attacked: Site, mistake: str
) -> None:
    page = browser.new_page()
    page.goto(attacked.url)
    script = (
        f"() => {{ try {{ {mistake}; return 'taken'; }} catch (error) {{ return error.name; }} }}"
    )
    assert page.evaluate(script) == "TypeError"
    assert page.evaluate(PWNED) is None
    page.close()


def test_no_saved_cell_starts_a_formula_and_numbers_stay(opened: Opened, attacked: Site) -> None:
    page = settled(opened(attacked.url))
    with page.expect_download() as coming:
        page.locator("[data-panel=ranking] a").click()
    with open(coming.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert not any(row["title"].startswith(("=", "+", "-", "@")) for row in rows)
    assert all(row["views"].isdigit() for row in rows)
    assert any(row["title"].startswith("'=") for row in all_rows(attacked))


def all_rows(site: Site) -> list[dict[str, str]]:
    text = site.served.get("/v1/queries/top_pages?since=1h&top=1000&output=csv").text
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize(
    "address",
    [
        "?range=constructor",
        "?range=__proto__",
        "?from=-271821-04-20&to=2026-01-01",
        "?from=0001-01-01&to=9999-01-01",
        "?f=source:10.1.2.3%1b%5b201~%0atouch%20x",
        "?f=port:22%e2%80%ae",
    ],
)
def test_an_address_that_means_nothing_is_the_usual_page(
    opened: Opened, site: Site, address: str
) -> None:
    page = settled(opened(f"{site.url}/{address}"))
    assert page.locator("#chips .fchip").count() == 0
    expect(page.locator("#range input:checked")).to_have_value("10m")


def test_a_copied_command_holds_nothing_that_a_terminal_obeys(opened: Opened, site: Site) -> None:
    page = settled(opened(f"{site.url}/?by=error_path"))
    key = "/a\x1b[201~\n'; touch x #\u202e"
    quoted = page.evaluate(
        """async (key) => {
            const [entry] = [...document.scripts].filter((each) => each.type === 'module');
            const { commandOf } = await import(new URL('questions.js', entry.src));
            return commandOf({ name: 'web_errors', params: { path: key } });
        }""",
        key,
    )
    assert quoted.isprintable()
    ran = subprocess.run(
        ["/bin/bash", "-c", f"printf %s {quoted.partition(' -p ')[2]}"],
        capture_output=True,
        check=True,
    )
    assert ran.stdout.decode() == f"path={key}"
