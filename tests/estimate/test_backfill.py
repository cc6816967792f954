"""What a backfill costs, reckoned by hand from the rates of rates.toml."""

import pytest

from pipeline.derive.machines import definition
from pipeline.estimate.backfill import BATCH_STATES, STATES, Work, reckoned
from pipeline.estimate.rates import rates

# A million flows in ten objects.
FLOWS = Work("vpc-flow", "s3", 28.8e6, 10, 2)


def by_title(work: Work, **known: float) -> dict[str, float]:
    return {line.title: line.usd for line in reckoned(work, **known)}


def test_it_is_reckoned_by_what_is_stored() -> None:
    assert (FLOWS.rows, FLOWS.seconds) == (1e6, 2.5 + 30 * 0.05)
    found, usd = by_title(FLOWS), {name: each.usd for name, each in rates().items()}
    assert found == pytest.approx(
        {
            "Lambda: compute": 4.0 * 1769 / 1024 * usd["lambda_compute"],
            "Lambda: requests": 2e-6 * usd["lambda_requests"],
            "Step Functions: states": 0.018 * usd["state_transitions"],
            "S3: objects and notes": 30e-6 * usd["s3_writes"],
        }
    )


def test_what_is_known_takes_the_place_of_what_is_reckoned() -> None:
    packed = Work("vpc-flow", "firehose", 28.8e6, 10, 2)
    found = by_title(packed, rows=500_000, seconds=100)
    usd = rates()
    assert found["Lambda: compute"] == pytest.approx(100 * 1769 / 1024 * usd["lambda_compute"].usd)
    billed = 500_000 * 615.9 / 1e9
    assert found["Firehose: ingestion"] == pytest.approx(billed * usd["firehose_ingestion"].usd)
    assert found["Firehose: to Parquet"] == pytest.approx(billed * usd["firehose_conversion"].usd)


def test_a_stream_on_demand_is_paid_for_when_it_is_read() -> None:
    read = Work("vpc-flow", "s3", 1e9, 10, 2, on_demand=True)
    assert by_title(read)["Kinesis: records out"] == pytest.approx(rates()["kinesis_out"].usd)


def test_the_states_are_those_of_the_machine() -> None:
    states = definition("backfill")["States"]
    of_batch = states["Batches"]["ItemProcessor"]["States"]
    # On the way where all goes well; an execution begins, too.
    assert len(set(states) - {"GoOn", "Failed"}) + 1 == STATES
    assert len(set(of_batch) - {"BatchFailed"}) + 1 == BATCH_STATES
