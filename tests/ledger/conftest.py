"""A home with rows, rejects, drops and repeats, made once and copied for each test."""

import shutil
from pathlib import Path

import pytest

from pipeline.home import writing
from pipeline.stream.log import Incoming
from tests.carriers import ARRIVAL_MS, LINE, control, envelope, log_events
from tests.homes import flow, flows
from tests.processed import context

BATCHES = [
    [flows(1, 2)],
    [flow(3) + b"bad\n\n"],
    [b"bad alone\n", flow(4), envelope(log_events([LINE, "bad"]))],
    [envelope(log_events([LINE, "bad"])), control()],
    [flow(5)],
]


def fill(home: Path) -> None:
    """Sequences 1 to 8 in five flushes of one shard, the last one an hour later."""
    with writing(home, context()) as opened:
        for number, payloads in enumerate(BATCHES):
            arrival_ms = ARRIVAL_MS + (3_600_000 if number == 4 else 0)
            opened.log.append([Incoming("vpc-flow", "a", each, arrival_ms) for each in payloads])
            opened.worker.drain()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("filled") / "home"
    fill(home)
    return home


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(filled, tmp_path / "home")
