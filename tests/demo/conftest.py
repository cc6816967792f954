"""One run of the generator, read by every test here."""

import pytest

from pipeline.demo.generator import Generator
from tests.demo.reading import Run, run_of

NOW_MS = 1_795_000_000_000


@pytest.fixture(scope="session")
def run() -> Run:
    """Five minutes in steps of two seconds."""
    return run_of(Generator(seed=7, events_per_s=200), range(NOW_MS, NOW_MS + 300_000, 2_000), 2)
