"""Documents in a bucket that are not as we write them, and what lies between them."""

import pytest

from pipeline.documents import Documents
from pipeline.errors import TailraceError
from tests.deployed.cloud import LAKE, Cloud


def documents(cloud: Cloud) -> Documents:
    return Documents(cloud.session().client("s3"), LAKE, "notes/", "delete it")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'"a"', b'{"a": "\xff"}', b"[" * 100_000],
    ids=["empty", "half", "another kind", "no UTF-8", "deep"],
)
def test_what_cannot_be_read_is_told_with_its_place(content: bytes) -> None:
    cloud = Cloud()
    cloud.put(LAKE, "notes/one.json", content)
    with pytest.raises(TailraceError, match="it cannot be read") as raised:
        documents(cloud).read("one.json", dict[str, int])
    assert raised.value.where == f"s3://{LAKE}/notes/one.json"


def test_what_is_not_there_is_none() -> None:
    assert documents(Cloud()).read("one.json", dict[str, int]) is None


def test_a_folder_that_somebody_made_is_no_document() -> None:
    cloud = Cloud()
    for key in ("notes/", "notes/plan/", "notes/plan/1.json"):
        cloud.put(LAKE, key, b"{}")
    assert list(documents(cloud).names("plan/")) == ["1.json"]
