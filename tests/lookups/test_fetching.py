"""A document is fetched whole, over TLS, in bounded size and time, or not at all."""

import pytest

from pipeline.errors import InputError, UsageError
from pipeline.lookups.document import LONGEST_BYTES
from pipeline.lookups.fetching import check_url, fetched
from tests.lookups.server import Served, serving


def test_a_document_comes_with_its_tag_and_only_once() -> None:
    with serving(b"ranges") as served:
        first = fetched(served.url, "")
        assert (first.content, first.etag) == (b"ranges", '"one"')
        again = fetched(served.url, first.etag)
        assert (again.content, again.etag) == (None, '"one"')
        assert served.asked == ["", '"one"']


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (Served(status=500), "the server answers 500"),
        (Served(status=404), "the server answers 404"),
        (Served(status=302, headers={"Location": "http://127.0.0.1:1/"}), "the server answers 302"),
        (Served(b"ranges", declared=100), "it broke off at 6 of 100 bytes"),
        (Served(b"x", headers={"Content-Encoding": "gzip"}), "it comes compressed"),
        (Served(b" " * (LONGEST_BYTES + 1)), "it is longer than 16,777,216 bytes"),
    ],
)
def test_what_does_not_come_whole_is_none(broken: Served, why: str) -> None:
    with serving() as served:
        for name in ("status", "headers", "content", "declared"):
            setattr(served, name, getattr(broken, name))
        with pytest.raises(InputError, match=why) as caught:
            fetched(served.url, "")
        assert caught.value.where == f"from {served.url}"


def test_a_server_that_never_ends_is_left_in_time() -> None:
    with serving() as served:
        served.slow, served.declared = True, 1_000_000
        with pytest.raises(InputError, match=r"nothing whole came in 0\.3 s"):
            fetched(served.url, "", whole_s=0.3)


def test_a_server_that_is_not_there_is_told() -> None:
    with serving() as served:
        pass
    with pytest.raises(InputError, match="not fetched"):
        fetched(served.url, "")


def test_a_tag_that_could_not_be_sent_back_is_forgotten() -> None:
    with serving(b"ranges") as served:
        served.etag = '"' + "x" * 300 + '"'
        assert fetched(served.url, "").etag == ""


@pytest.mark.parametrize("url", ["http://ranges.example/x.json", "http://192.0.2.1/x.json"])
def test_nothing_is_asked_over_the_network_without_tls(url: str) -> None:
    with pytest.raises(UsageError, match="without TLS is not believed"):
        check_url(url)


@pytest.mark.parametrize("url", ["ftp://a/x", "file:///etc/passwd", "https://u:p@a/x", "https://"])
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--from is no address"):
        check_url(url)
