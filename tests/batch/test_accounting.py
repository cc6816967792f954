"""Lines are counted where they are made, not where they end: a lost line cannot balance."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch import judge, outcomes_of, process
from pipeline.batch.ports import Ports
from pipeline.decode import decode, decode_in_parts
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.settings import Limits
from pipeline.sources import find
from tests.homes import flow
from tests.model import awkward, flow_line
from tests.processed import context, processed, record

lines = st.lists(
    st.one_of(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), st.just(flow(1)[:-1])),
    min_size=1,
    max_size=12,
)


@given(lines, st.sampled_from(["vpc-flow", "tgw-flow", "app-log"]))
def test_every_line_of_a_text_is_one_event(given_lines: list[bytes], source: str) -> None:
    text = b"\n".join(given_lines) + b"\n"
    (outcome,) = processed([record(text, opened=True)], source).report.outcomes
    ends = outcome.rows + outcome.rejected + sum(outcome.dropped.values())
    assert (outcome.events_in, ends) == (len(given_lines), len(given_lines))


def test_a_row_that_a_parser_loses_is_missed_in_the_sums() -> None:
    batch = decode([record(flow(1) + flow(2))], Limits())
    reading = judge(batch, find("vpc-flow"), context())
    lost = replace(reading.parsed, rows=reading.parsed.rows[:1], line=reading.parsed.line[:1])
    (outcome,) = outcomes_of(reading._replace(parsed=lost), {})
    assert (outcome.events_in, outcome.rows, outcome.rejected) == (2, 1, 0)


@pytest.mark.parametrize("seed", range(12))
def test_lines_in_any_format_come_through_all_enrichers(seed: int) -> None:
    fields = sorted(flow_line.VPC_FIELDS)
    random.Random(seed).shuffle(fields)
    given_lines = awkward.lines(seed, 200, tuple(fields[: 5 + seed * 4]))
    text = b"\n".join(given_lines) + b"\n"
    declared = (" ".join(fields[: 5 + seed * 4]),)
    (outcome,) = processed([record(text, opened=True, formats=declared)]).report.outcomes
    assert outcome.events_in == outcome.rows + outcome.rejected + sum(outcome.dropped.values())


def test_an_empty_zone_is_a_reject_and_its_neighbour_a_row() -> None:
    text = b"us-east-1 use1-az1 10.0.0.1 1418530070\n use1-az1 10.0.0.1 1418530070\n"
    done = processed([record(text, formats=("region az-id srcaddr end",))])
    assert (len(done.rows), [reject["reason"] for reject in done.rejects]) == (1, ["field_count"])


def test_what_inflates_to_much_is_processed_in_parts() -> None:
    records = [record(flow(n) * 3, str(n)) for n in (1, 2, 3)]
    limits = Limits(batch_text_bytes=len(flow(1)) * 4)
    parts = list(decode_in_parts(records, limits))
    assert [len(part) for part in parts] == [6, 3]
    sink = MemorySink()
    within = replace(context(), limits=limits)
    report = process(records, find("vpc-flow"), Ports(sink, MemoryQuarantine()), within, 0)
    assert [(o.record.position, o.flush, o.rows) for o in report.outcomes] == [
        ("1", "1", 3),
        ("2", "1", 3),
        ("3", "3", 3),
    ]
    assert np.sum([len(piece) for piece in sink.pieces["vpc_flow"]]) == 9


def test_records_of_many_lines_are_processed_in_parts() -> None:
    records = [record(flow(n) * lines, str(n)) for n, lines in enumerate((2, 2, 4, 5, 1, 3))]
    parts = list(decode_in_parts(records, Limits(record_lines=4)))
    # The one of five is refused and has none.
    assert [[each.position for each in part.records] for part in parts] == [
        ["0", "1"],
        ["2", "3"],
        ["4", "5"],
    ]
    assert [len(part) for part in parts] == [4, 4, 4]
