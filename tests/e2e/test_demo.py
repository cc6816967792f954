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


@pytest.mark.needs("stack.audit")
def test_an_audit_takes_in_what_has_just_come(target: Cloud) -> None:
    # `tailrace audit` leaves out a quarter of an hour, in which all of a run's records come.
    ran = target.tailrace("demo", "--target", target.target)
    found = re.search(r"of this hour's ([\d,]+) none is unaccounted for", ran.out)
    assert found, ran.out + ran.err
    assert int(found[1].replace(",", "")) >= 13
