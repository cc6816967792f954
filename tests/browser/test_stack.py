"""The page over a deployed stack: what is there shows its age, what costs is asked for."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Route, expect

from tests.browser.conftest import Opened

PATIENCE_S = 30


@contextmanager
def stage(*words: str) -> Iterator[str]:
    """The page of a stage; its URL."""
    command = [sys.executable, "-m", "tests.web.stack.serving", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def test_what_is_asked_on_schedule_is_shown_with_its_age(opened: Opened) -> None:
    with stage("--presets") as url:
        page = opened(url)
        expect(page.locator("#env")).to_have_text("aws · staging · eu-west-1")
        expect(page.locator("#talk-body .key").first).to_have_text("172.31.16.139")
        for panel in ("traffic", "talkers", "ports", "pipeline"):
            age = page.locator(f"#{panel} .age")
            expect(age).to_have_text(re.compile(r"^7.min .* old$"))
        expect(page.locator("#rank-panel .key").first).to_have_text("/pricing")
        # Each range, and each ranking that no counter knows, is there as well.
        for name in ("6h", "24h", "7d"):
            page.locator(f"#range input[value='{name}']").check(force=True)
            expect(page.locator("#talk-body .key").first).to_be_visible()
        page.locator("#tab-talker").click()
        expect(page.locator("#rank-panel .key").first).to_have_text("172.31.16.139")
        assert page.get_by_text("Not asked", exact=True).count() == 0


def test_what_costs_is_asked_when_its_price_was_seen(opened: Opened) -> None:
    with stage() as url:
        page = opened(url)
        expect(page.locator("#talkers").get_by_text("Not asked", exact=True)).to_be_visible()
        expect(page.locator("#cost .chip-t")).to_have_text("≈ 0.0000 USD here")
        page.locator("#talkers").get_by_role("button", name="What would it cost?").click()
        button = page.locator("#price-ask")
        expect(button).to_have_text(re.compile("^Ask Athena: at most [0-9.]+ USD$"))
        expect(page.locator("#price-body tbody tr").first).to_contain_text("at most 0.50 USD")
        button.click()
        expect(page.locator("#price")).not_to_be_visible()
        expect(page.locator("#talk-body .key").first).to_have_text("172.31.16.139")
        expect(page.get_by_text("Not asked", exact=True)).to_have_count(0)
        page.keyboard.press("r")
        billed = page.locator("#cost-dl dt", has_text="Billed").locator("+ dd")
        expect(billed).to_have_text(re.compile(r"^≈ 0\.00[0-9]{4} USD$"))
        assert float((billed.text_content() or "").split()[1]) > 0
        # A filter is another question.
        page.locator("#talk-body .key").first.click()
        expect(page.locator("#talkers").get_by_text("Not asked", exact=True)).to_be_visible()


def test_what_athena_fails_is_told_in_the_dialog(opened: Opened) -> None:
    with stage("--refuse", "AS attempts") as url:
        page = opened(url)
        page.locator("#talkers").get_by_role("button", name="What would it cost?").click()
        page.locator("#price-ask").click()
        failed = page.locator("#price-body li")
        expect(failed.first).to_contain_text("rejected_ports Query exhausted resources")
        expect(failed.first).to_contain_text("ask for a shorter window")
        expect(page.locator("#price-ask")).not_to_be_visible()
        expect(page.locator("#talk-body .key").first).to_have_text("172.31.16.139")


def test_what_was_paid_for_is_shown_though_another_instance_answers_next(opened: Opened) -> None:
    with stage() as url, stage() as other:
        page = opened(url)
        page.locator("#talkers").get_by_role("button", name="What would it cost?").click()
        expect(page.locator("#price-ask")).to_be_visible()

        def elsewhere(route: Route) -> None:
            paying = "tailrace-most-usd" in route.request.headers
            route.continue_(url=None if paying else route.request.url.replace(url, other))

        page.route("**/v1/queries/**", elsewhere)
        with page.expect_response(lambda each: each.url.startswith(other) and each.status == 402):
            page.locator("#price-ask").click()
        expect(page.locator("#price")).not_to_be_visible()
        expect(page.locator("#talk-body .key").first).to_have_text("172.31.16.139")
        expect(page.get_by_text("Not asked", exact=True)).to_have_count(0)

        # What it knows grows old, and can be asked anew.
        def later(route: Route) -> None:
            answer = route.fetch()
            route.fulfill(response=answer, json={**answer.json(), "time": "2026-11-25T16:31:00Z"})

        page.route("**/v1/health", later)
        page.keyboard.press("r")
        age = page.locator("#talkers .age")
        expect(age).to_have_text(re.compile("^2.h .* old · ask again$"))
        box = age.bounding_box()
        assert box
        assert box["height"] >= 24
        age.click()
        expect(page.locator("#price-ask")).to_be_visible()
        expect(page.locator("#price-body tbody")).to_contain_text("top_pairs")
