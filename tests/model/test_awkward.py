"""The awkward lines: half good, every outcome shown, the same from the same seed."""

from collections import Counter

import pytest

from tests.model import awkward
from tests.model.flow_line import (
    TGW_DEFAULT,
    TGW_FIELDS,
    VPC_DEFAULT,
    VPC_FIELDS,
    Reject,
    read_all,
)


@pytest.mark.parametrize(
    ("fields", "known"),
    [(VPC_DEFAULT, VPC_FIELDS), (TGW_DEFAULT, TGW_FIELDS), (tuple(sorted(VPC_FIELDS)), VPC_FIELDS)],
)
def test_awkward_lines_are_half_good_and_show_every_outcome(
    fields: tuple[str, ...], known: frozenset[str]
) -> None:
    lines = awkward.lines(1, 5000, fields)
    outcomes = Counter(
        outcome.reason if isinstance(outcome, Reject) else getattr(outcome, "name", "row")
        for outcome in read_all(lines, fields, awkward.ARRIVAL_MS, known=known)
    )
    assert 0.45 < outcomes["row"] / len(lines) < 0.65
    assert set(outcomes) == {
        *("row", "blank", "header", "too_long", "control_char", "byte_order_mark", "encoding"),
        *("field_count", "type", "range", "address", "value", "time_range", "no_time"),
    }


def test_awkward_lines_come_again_from_their_seed_and_hold_no_line_feed() -> None:
    lines = awkward.lines(7, 2000, VPC_DEFAULT)
    assert lines == awkward.lines(7, 2000, VPC_DEFAULT) != awkward.lines(8, 2000, VPC_DEFAULT)
    assert not any(b"\n" in line for line in lines)
