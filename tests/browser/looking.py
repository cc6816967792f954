"""What stands on the page, as somebody who looks at it sees it."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

# Longer than the time between two questions to the counters, and to saved queries.
LIVE_MS, QUERIES_MS, LOOK_MS = 20_000, 60_000, 50

# What no file of ours makes.
DANGEROUS = (
    *("script:not([src])", "img", "iframe", "object", "embed", "video", "audio", "math", "marquee"),
    *("style", "base", "meta[http-equiv]", "body > form", 'a[href^="javascript"]', "[onerror]"),
    *(
        "[onload]",
        "[onclick]",
        "[onfocus]",
        "[onmouseover]",
        "[ontoggle]",
        "[srcdoc]",
        "svg script",
    ),
    *("svg script", "foreignObject", "animate", "set", "input[autofocus]", "textarea", "plaintext"),
)


def ranked(page: Page) -> list[str]:
    """Names in the ranking, the first one first."""
    return page.locator("#rank-panel .key").all_text_contents()


def settled(page: Page) -> Page:
    """The page, once every panel has its answer."""
    expect(page.locator("#rank-panel .key").first).to_be_visible(timeout=LIVE_MS)
    expect(page.locator(".sk")).to_have_count(0, timeout=QUERIES_MS)
    page.evaluate("document.fonts.ready")
    return page


def chip(page: Page) -> Locator:
    """The words of freshness."""
    return page.locator("#fresh .chip-t")


def query(page: Page) -> str:
    """The address behind the question mark."""
    return page.evaluate("location.search")


def sees(page: Page, holds: Callable[[Page], bool]) -> None:
    """Wait until something is true of the page, which goes on meanwhile."""
    deadline = time.monotonic() + LIVE_MS / 1000
    while not holds(page):
        assert time.monotonic() < deadline, "the page did not come to that"
        page.wait_for_timeout(LOOK_MS)


def number(text: str) -> int:
    """The digits of a text."""
    return int(re.sub(r"\D", "", text))


def elements(page: Page) -> list[str]:
    """All that a payload could have become, as markup."""
    return page.evaluate(
        "(kinds) => [...document.querySelectorAll(kinds)].map((each) => each.outerHTML)",
        ", ".join(DANGEROUS),
    )
