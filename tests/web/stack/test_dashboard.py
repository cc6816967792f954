"""The page of a stack as `tailrace dashboard` serves it: on this machine, until a signal."""

import os
import signal
import threading
from pathlib import Path

import httpx
import pytest

from pipeline.web.address import Address
from pipeline.web.dashboard import show
from pipeline.web.models import StackHealth
from tests.homes import run
from tests.web.stack.staged import shown

PATIENCE_S = 30.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_on_this_machine_until_a_signal(tmp_path: Path, number: int) -> None:
    answers: list[httpx.Response] = []

    def look(url: str) -> None:
        with httpx.Client(base_url=url, timeout=PATIENCE_S, trust_env=False) as client:
            for headers in ({}, {"host": "elsewhere.example"}):
                answers.append(client.get("/v1/health", headers=headers))
        os.kill(os.getpid(), number)

    def ready(url: str) -> None:
        assert url.startswith("http://127.0.0.1:")
        threading.Thread(target=look, args=(url,)).start()

    before = signal.getsignal(number)
    show(shown(tmp_path).reader(), Address("127.0.0.1", 0), StackHealth, ready)
    assert [each.status_code for each in answers] == [200, 403]
    assert answers[0].json()["stage"] == "staging"
    assert signal.getsignal(number) is before


def test_without_a_stage_it_says_how_to_name_one() -> None:
    ran = run("dashboard", "--no-open")
    assert ran.code == 3
    assert "add --stage, or set athena.stage" in ran.err
