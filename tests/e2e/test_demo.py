"""A sample followed through a target by `tailrace demo`."""

import re

import pytest

from tests.e2e.cloud import Cloud

PLACES = ["sent", "stream", "function", "landing", "answer", "audit"]


@pytest.mark.needs("demo")
def test_a_sample_is_followed_from_place_to_place(target: Cloud) -> None:
    ran = target.tailrace("demo", "--target", target.target)
    assert ran.code == 0, ran.out + ran.err
    assert re.findall(r"^✓ (\w+) +\d+\.\d s  ", ran.out, re.M) == PLACES
    assert "13 lines read: 12 rows, 1 refused" in ran.out
    assert "9 ACCEPT, 3 REJECT" in ran.out
