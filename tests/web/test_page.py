"""GET / and its files: what goes out, how heavy it is, and what a browser may do with it."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import httpx
import pytest

from pipeline.web import page
from tests.web.serving import Served

ROOT = Path(__file__).resolve().parents[2]
FIRST_LOAD_BYTES = 120 * 1000
MANIFESTS = (page.FOLDER / "vendor", ROOT / "tests" / "browser" / "vendor")
OURS = [path for path in page.FOLDER.rglob("*") if path.suffix in (".js", ".css", ".html")]
OURS = [path for path in OURS if path.parent.name != "vendor"]


@pytest.fixture(scope="module")
def index(served: Served) -> httpx.Response:
    return served.get("/")


def linked(text: str) -> list[str]:
    return sorted(set(re.findall(r'(?:href|src)="(page/[^"]+)"', text)))


def test_the_page_may_run_its_own_files_and_nothing_else(index: httpx.Response) -> None:
    policy = dict(
        each.split(" ", 1) for each in index.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in index.headers["content-security-policy"]
    assert index.headers["x-content-type-options"] == "nosniff"
    assert index.headers["referrer-policy"] == "no-referrer"
    assert index.headers["cross-origin-opener-policy"] == "same-origin"


def test_nothing_of_the_page_is_inline_or_from_elsewhere() -> None:
    for path in OURS:
        text = path.read_text("utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert set(re.findall(r"https?://[^\s'\"`)]+", text)) <= {"http://www.w3.org/2000/svg"}
    html = (page.FOLDER / page.INDEX).read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)


def test_the_first_load_is_light(served: Served, index: httpx.Response) -> None:
    sizes = {"": len(gzip.compress(index.content, 9))}
    # Modules load others; a stylesheet loads fonts.
    for name, asset in page.files().items():
        answered = served.get(f"/page/{page.digest()}/{name}")
        assert answered.content == asset.plain
        sizes[name] = int(answered.headers["content-length"])
    assert sum(sizes.values()) <= FIRST_LOAD_BYTES, sizes


def test_every_file_that_is_linked_to_is_there_and_kept_for_ever(
    served: Served, index: httpx.Response
) -> None:
    assert linked(index.text)
    for name in linked(index.text):
        found = served.get(f"/{name}")
        assert found.status_code == 200, name
        assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert found.headers["content-type"] == page.KINDS[Path(name).suffix]


def test_files_of_another_version_are_not_there(served: Served) -> None:
    for path in ("/page/0123456789abcdef/js/main.js", f"/page/{page.digest()}/../page.py"):
        assert served.get(path).status_code == 404
    assert served.get(f"/page/{page.digest()}/vendor/vendored.json").status_code == 404


def test_who_takes_no_gzip_gets_the_same_plain(served: Served, index: httpx.Response) -> None:
    plain = served.get("/", accept_encoding="identity", **{"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in plain.headers
    assert index.headers["content-encoding"] == "gzip"
    assert plain.content == index.content


def test_the_page_is_sent_again_only_when_it_has_changed(
    served: Served, index: httpx.Response
) -> None:
    again = served.get("/", **{"if-none-match": index.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("cookie", "theme"),
    [
        ("tailrace-theme=dark", "dark"),
        ("a=b; tailrace-theme=light", "light"),
        ('tailrace-theme=x"><script>', "auto"),
        ("", "auto"),
    ],
)
def test_the_first_byte_has_the_theme_that_was_chosen(
    served: Served, cookie: str, theme: str
) -> None:
    text = served.get("/", cookie=cookie).text
    assert f'<html lang="en" data-theme="{theme}">' in text


def test_a_foreign_name_of_this_machine_gets_no_page(served: Served) -> None:
    answer = served.get("/", host="rebound.example")
    assert answer.status_code == 403
    assert "<html" not in answer.text


@pytest.mark.parametrize("folder", MANIFESTS, ids=["page", "tests"])
def test_what_is_vendored_is_what_its_manifest_says(folder: Path) -> None:
    told = json.loads((folder / "vendored.json").read_text("utf-8"))
    licences = {name for each in told for name in each["text"]}
    files = {path.name for path in folder.iterdir()}
    assert files == {each["file"] for each in told} | licences | {"vendored.json"}
    for each in told:
        digest = hashlib.sha256((folder / each["file"]).read_bytes()).hexdigest()
        assert digest == each["sha256"], each["file"]
        assert each["version"]
        assert each["licence"] in ("MIT", "OFL-1.1", "MPL-2.0")


def test_no_file_of_the_page_is_too_long_to_read() -> None:
    lengths = {path.name: path.read_text("utf-8").count("\n") for path in OURS}
    assert {name for name, lines in lengths.items() if lines > 400} == set()
