"""AWS's document: what is used of it is checked, what else stands there is left alone."""

from typing import Any

import pytest

from pipeline.errors import InputError
from pipeline.lookups.document import LONGEST_BYTES, published
from tests.lookups.ranges import WHOLE, as_json, document, v4, v6


def test_a_document_gives_its_token_its_time_and_ranges_by_service() -> None:
    read = published(as_json(), "here")
    assert (read.token, read.created) == ("1764000000", "2026-11-24T16:00:00Z")
    assert read.prefixes["S3"] == ["198.19.7.0/24", "2001:db8:7::/48"]
    assert read.count == 519


def test_fields_that_aws_adds_later_are_left_alone() -> None:
    prefixes = [{**each, "zone": {"new": 1}} for each in document()["prefixes"]]
    assert published(as_json(prefixes=prefixes, more=[1]), "here").count == 519


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"syncToken": 5}, "Expected `str`, got `int` - at `$.syncToken`"),
        ({"syncToken": "5\x1b[31m"}, "at `$.syncToken`"),
        ({"createDate": "2026-13-01-00-00-00"}, "does not match format"),
        ({"createDate": "yesterday"}, "at `$.createDate`"),
        ({"prefixes": {}}, "Expected `array`, got `object`"),
        ({"prefixes": [v4("198.18.0.0/33", "S3")]}, "does not appear to be"),
        ({"prefixes": [v4("198.18.0.1/24", "S3")]}, "has host bits set"),
        ({"prefixes": [v4("198.18.0.0", "S3")]}, "'198.18.0.0' is no IPv4 prefix"),
        ({"prefixes": [v4("2001:db8::/48", "S3")]}, "'2001:db8::/48' is no IPv4 prefix"),
        ({"prefixes": [v4("0.0.0.0/0", "S3")]}, "0.0.0.0/0 is wider than any range of AWS's"),
        ({"ipv6_prefixes": [v6("::/0", "S3")]}, "::/0 is wider than any range of AWS's"),
        ({"prefixes": [v4(WHOLE, "S3\n")]}, "at `$.prefixes[0].service`"),
        ({"prefixes": [v4(WHOLE, "s" * 65)]}, "at `$.prefixes[0].service`"),
        ({"prefixes": []}, "it has 2 ranges, and AWS has thousands"),
    ],
)
def test_a_document_that_is_not_as_aws_s_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match="the address ranges are refused") as caught:
        published(as_json(**changed), "here")
    assert why in caught.value.what
    assert caught.value.where == "in here"


@pytest.mark.parametrize(
    "content", [b"", b"<html>", as_json()[:-1], b"[" * 100_000, b'{"syncToken": "\xff"}', b"null"]
)
def test_what_is_no_document_at_all_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="the address ranges are refused"):
        published(content, "here")


def test_a_document_without_the_services_that_everybody_knows_is_refused() -> None:
    prefixes = [each for each in document()["prefixes"] if each["service"] != "EC2"]
    with pytest.raises(InputError, match="it has no range of EC2"):
        published(as_json(prefixes=prefixes), "here")


def test_more_bytes_than_any_document_has_are_not_read() -> None:
    with pytest.raises(InputError, match="it is longer than 16,777,216 bytes"):
        published(b" " * (LONGEST_BYTES + 1), "here")
