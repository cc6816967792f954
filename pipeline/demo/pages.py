"""The pages of the demo's web site, and the programs that ask for them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

HOST = "www.heron.example"
STATUSES = (200, 304, 301, 302, 401, 404)

PRODUCTS = tuple(f"/product/{1000 + number * 37 % 400}" for number in range(400))
ASSETS = tuple(
    f"/static/{name}"
    for name in ("app.css", "app.js", "logo.svg", "hero.webp", "icons.svg", "cart.js", "font.woff2")
)
SEARCHES = tuple(
    f"/search?q={words}"
    for words in ("heron", "waders", "boots", "bird+bath", "tripod", "field+guide", "g%C3%A4nse")
)
MOVED = ("/catalog.html", "/shop")
PROBED = ("/wp-login.php", "/.env", "/xmlrpc.php", "/admin", "/.git/config")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the site; the first of its paths are asked for most."""

    share: float  # of what people ask for
    bot_share: float  # of what bots ask for
    method: str
    paths: tuple[str, ...]
    target_ms: float  # median
    answer_bytes: float  # median of whole answers, as far as there is room
    statuses: Mapping[int, float]  # shares


_PAGES = (("/",), PRODUCTS, SEARCHES, ("/login",))
PARTS = (
    Part(0.14, 0.10, "GET", ("/",), 21, 5_200, {200: 0.88, 304: 0.12}),
    Part(0.27, 0.55, "GET", PRODUCTS, 34, 6_400, {200: 0.93, 304: 0.05, 404: 0.02}),
    Part(0.26, 0.02, "GET", ASSETS, 3, 9_000, {200: 0.5, 304: 0.5}),
    Part(0.09, 0.03, "GET", SEARCHES, 88, 4_100, {200: 1.0}),
    Part(0.03, 0.00, "GET", ("/login",), 12, 2_300, {200: 1.0}),
    Part(0.02, 0.00, "POST", ("/login",), 140, 600, {302: 0.85, 401: 0.15}),
    Part(0.07, 0.00, "GET", ("/api/stock",), 26, 700, {200: 0.97, 304: 0.03}),
    Part(0.10, 0.00, "POST", ("/api/cart",), 45, 500, {200: 1.0}),
    Part(0.02, 0.08, "GET", MOVED, 2, 300, {301: 1.0}),
    Part(0.00, 0.10, "GET", ("/robots.txt",), 2, 300, {200: 1.0}),
    Part(0.00, 0.12, "GET", PROBED, 4, 300, {404: 1.0}),
)
# What has a script that tells of each view; the rest is parts of pages and what programs ask for.
VIEWED = tuple(part for part in PARTS if part.method == "GET" and part.paths in _PAGES)
_GOODS = ("Binoculars", "Waders", "Rain jacket", "Tripod", "Field guide", "Bird bath", "Nest box")


def title_of(path: str) -> str:
    """The title of a page."""
    if path.startswith("/product/"):
        number = int(path.removeprefix("/product/"))
        return f"{_GOODS[number % len(_GOODS)]} {number}"
    return {"/": "Heron", "/login": "Log in"}.get(path, "Search")


_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Mobile Safari/537.36",
)
_ROBOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "python-requests/2.32.5",
    "curl/8.14.1",
)
PEOPLE, BOTS = np.array(_BROWSERS, object), np.array(_ROBOTS, object)
PEOPLE_SHARES = (0.4, 0.3, 0.1, 0.2)
