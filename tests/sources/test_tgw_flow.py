"""Transit Gateway flow logs: every sample field by field, awkward lines against the model."""

import pytest

from pipeline.sources.tgw_flow import LOG, TABLE
from tests.model.awkward import ARRIVAL_MS, lines
from tests.model.flow_line import TGW_DEFAULT, TGW_FIELDS, Reject, Row, read_all
from tests.model.outcomes import only, outcomes
from tests.model.samples import Sample, samples
from tests.processed import context, processed, record

LINE = (
    "6 TransitGateway 123456789012 tgw-0123456789abcdef0 tgw-attach-0a - - - - - - - - - - - - - -"
    " - - - - 1764079200 1764079260 NODATA - - - - - - - - - -"
)


@pytest.mark.parametrize("seed", range(300, 312))
def test_awkward_lines_are_read_as_the_model_reads_them(seed: int) -> None:
    text = [
        line
        for line in lines(seed, 400, TGW_DEFAULT)
        if not line.endswith(b"\r") and not line.startswith(b'{"message"')
    ]
    slice_ = record(b"\n".join(text) + b"\n", opened=True, first_ordinal=1)
    expected = read_all(text, TGW_DEFAULT, ARRIVAL_MS, known=TGW_FIELDS, need_time=False)
    found = outcomes([slice_], "tgw-flow", context())
    for line, ours, theirs in zip(text, found, expected, strict=True):
        mine = list(theirs.columns) if isinstance(theirs, Row) else []
        assert only(ours, mine) == theirs, line[:300]


@pytest.mark.parametrize(
    "sample", samples("tgw-flow"), ids=lambda sample: sample.line[:40].decode()
)
def test_each_sample_is_read_field_by_field(sample: Sample) -> None:
    carrier = record(sample.line, formats=(" ".join(sample.fields),))
    (row,) = outcomes([carrier], "tgw-flow", context())
    assert isinstance(row, Row)
    assert {**row.columns, "event_time": row.event_time, "extra": row.extra} == sample.expected


def test_the_fields_are_the_documented_ones_and_the_default_has_them_all() -> None:
    assert set(LOG.fields) == TGW_FIELDS
    assert LOG.default_format.split() == list(TGW_DEFAULT)
    assert "action" not in TABLE


def test_a_line_without_traffic_is_a_row_with_nulls() -> None:
    (row,) = processed([record(LINE.encode())], "tgw-flow").rows
    assert (row["tgw_id"], row["log_status"]) == ("tgw-0123456789abcdef0", "NODATA")
    assert (row["packets_lost_no_route"], row["second_sight"]) == (None, None)


def test_a_count_of_lost_packets_is_a_number_or_refused() -> None:
    formats = ("packets-lost-mtu-exceeded end",)
    text = b"7 1764079260\n-7 1764079260\nx 1764079260\n"
    found = outcomes([record(text, formats=formats)], "tgw-flow", context())
    assert isinstance(found[0], Row)
    assert found[0].columns["packets_lost_mtu_exceeded"] == 7
    assert found[1:] == [
        Reject("range", "packets_lost_mtu_exceeded"),
        Reject("type", "packets_lost_mtu_exceeded"),
    ]
