"""The page of a stack as `tailrace dashboard` serves it: on this machine, until a signal."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from pipeline.web.address import Address
from pipeline.web.dashboard import show
from pipeline.web.models import StackHealth
from tests.homes import COMMAND, clean_environ, flow, run
from tests.web.serving import serving, until
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

    before, reader = signal.getsignal(number), shown(tmp_path).reader()
    show(reader, Address("127.0.0.1", 0), StackHealth, ready)
    # What is asked still is broken off by it.
    assert reader.ending.is_set()
    assert [each.status_code for each in answers] == [200, 403]
    assert answers[0].json()["stage"] == "staging"
    assert signal.getsignal(number) is before


def test_without_a_stage_a_home_is_read_beside_its_writer(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        assert served.post(flow(1, int(time.time()) - 30)).status_code == 202
        served.landed()
        views = [{"path": "/a", "event_id": str(uuid4())}]
        with served.client() as client:
            assert client.post("/v1/views", json=views).status_code == 204
        until(lambda: served.get("/v1/ranking").json()["total"] == 1)
        command = [COMMAND, "dashboard", "--no-open", "--port", "0", "--home", str(home)]
        environ = clean_environ()
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
            assert process.stderr is not None
            url = process.stderr.readline().partition(" stands at ")[2].partition(";")[0]
            with httpx.Client(base_url=url, timeout=PATIENCE_S, trust_env=False) as client:
                health = client.get("/v1/health").json()
                ranking = client.get("/v1/ranking").json()
                answer = client.get("/v1/queries/top_talkers?since=1h").json()
                refused = client.post("/v1/views", json=views)
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
    assert (health["home"], health["writer"]) == ("embedded", str(served.process.pid))
    assert [each["key"] for each in ranking["items"]] == ["/a"]
    assert len(answer["rows"]) == 1
    assert refused.status_code == 404


def test_without_anything_to_read_it_says_what_brings_some(tmp_path: Path) -> None:
    ran = run("dashboard", "--no-open", "--home", tmp_path / "none")
    assert (ran.code, "nothing to read in" in ran.err) == (3, True)
