"""What counters in DynamoDB cost: `pytest -s tests/counters/test_costs.py` prints it."""

import sys

import numpy as np
import pyarrow as pa

from pipeline.counters.table import CountersTable
from pipeline.counters.tally import Tally
from tests.counters.account import TABLE, Account
from tests.counters.test_tally import VIEWS, Clock

BATCHES, VIEWS_A_BATCH, PAGES = 120, 500, 50_000
# USD a million write request units: "Amazon DynamoDB Pricing", on demand, us-east-1. An assumption.
PRICE = 0.625
WORDS = ("market", "storm", "election", "council", "river", "bridge", "school", "budget", "health")


def page(number: int) -> tuple[str, str]:
    """Path and title as a newspaper has them."""
    dice = np.random.default_rng(number)
    words = [WORDS[each] for each in dice.choice(len(WORDS), 5, replace=False)]
    path = f"/2026/11/{1 + number % 27:02d}/news/{'-'.join(words)}-{number}"
    return path, f"{' '.join(words).capitalize()}: what we know so far about the {words[2]}"


def batch(dice: np.random.Generator, shares: np.ndarray, now_ms: int) -> pa.Table:
    numbers = dice.choice(PAGES, VIEWS_A_BATCH, p=shares).tolist()
    ids = dice.integers(-(2**62), 2**62, VIEWS_A_BATCH).tolist()
    at = {"event_time": now_ms, "ingest_time": now_ms}
    rows = [
        at | {"record_id": identity} | dict(zip(("page", "title"), page(number), strict=True))
        for number, identity in zip(numbers, ids, strict=True)
    ]
    return pa.Table.from_pylist(rows, VIEWS.arrow_schema)


def test_a_million_views_cost_cents() -> None:
    dice, account, clock = np.random.default_rng(3), Account(), Clock()
    shares = 1 / np.arange(1, PAGES + 1) ** 1.1
    shares /= shares.sum()
    table = CountersTable(account.client, TABLE)
    tally = Tally(table, clock, answers=False)
    for number in range(BATCHES):
        rows = batch(dice, shares, int(clock.now * 1000))
        assert tally.add(0, str(number + 1), [(VIEWS, rows)])
        clock.now += 1
    assert account.did["TransactWriteItems"] == BATCHES
    millions, added = BATCHES * VIEWS_A_BATCH / 1e6, account.written
    table.merge(int(clock.now) // 60 + 1)
    units = account.written / millions
    sys.stdout.write(
        f"a million views: {BATCHES / millions:,.0f} batches, {added / millions:,.0f} write units"
        f" and {units - added / millions:,.0f} to merge: {units * PRICE / 1e6:.3f} USD\n"
    )
    assert units < 75_000
