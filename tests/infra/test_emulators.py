"""Emulators: told apart, kept to loopback, ended with all that they started."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.emulators import __main__ as commands
from infra.emulators import running as runs
from infra.emulators.kinds import KINDS, LOCALSTACK, MINISTACK, Kind, check, find
from infra.emulators.stack import log_groups
from pipeline.errors import NotConfigured, TailraceError, UsageError

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def health(**said: str) -> Iterator[int]:
    """A server that says this on every path; its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_an_emulator_is_known_by_its_edition_and_not_by_its_path() -> None:
    with health(edition="light", version="1.5.33") as port:
        assert (MINISTACK.told(port), LOCALSTACK.told(port)) == ("1.5.33", "")
    with health(edition="unknown", version="4.13.1") as port:
        assert (MINISTACK.told(port), LOCALSTACK.told(port)) == ("", "4.13.1")


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_version_that_is_asked_for_is_the_one_that_is_locked(kind: Kind) -> None:
    package = {"ministack": "ministack", "localstack": "localstack-core"}[kind.name]
    locked = (ROOT / "requirements" / f"{kind.name}.txt").read_text("utf-8")
    assert f"\n{package}=={kind.version} \\\n" in locked


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_an_emulator_is_told_to_listen_on_loopback(kind: Kind, tmp_path: Path) -> None:
    settings = kind.settings(4566, tmp_path)
    listens = settings.get("BIND_HOST") or settings["GATEWAY_LISTEN"]
    assert listens.startswith("127.0.0.1")


def test_an_emulator_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="no emulator called moto"):
        find("moto")


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with health() as port, pytest.raises(UsageError, match=f"port {port} is taken"):
        runs.start(MINISTACK, tmp_path / "run", port)


def test_a_port_that_an_emulator_has_is_refused_with_its_name(tmp_path: Path) -> None:
    with (
        health(edition="light", version="1.5.33") as port,
        pytest.raises(UsageError, match=f"port {port} is taken") as caught,
    ):
        runs.start(MINISTACK, tmp_path / "run", port)
    assert caught.value.where == "by ministack 1.5.33"
    assert caught.value.fix.startswith("make local-down TARGET=ministack, or take any other")


def test_localstack_without_npm_is_refused_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotConfigured, match="Kinesis is installed by npm, which is missing") as it:
        runs.start(LOCALSTACK, tmp_path / "run")
    assert it.value.fix.startswith("install Node.js with npm")
    assert not (tmp_path / "run").exists()
    check(MINISTACK)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_another_system_than_linux_is_refused(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NotConfigured, match="built for Linux") as caught:
        check(kind)
    assert caught.value.where == "this is darwin"


@pytest.mark.parametrize("kind", KINDS)
def test_to_end_what_does_not_run_is_no_error(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    assert commands.main(["--target", kind, "down"]) == 0
    assert capsys.readouterr().err == f"{kind} does not run: nothing to end\n"


def test_an_emulator_that_ends_at_once_is_told_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone_host.py").write_text("raise SystemExit('no such thing')\n")
    monkeypatch.setattr(Kind, "python", Path(sys.executable))
    monkeypatch.setattr(Kind, "program", tmp_path / "gone_host.py")
    with pytest.raises(TailraceError, match="ministack ended with 1 before it answered") as raised:
        runs.start(MINISTACK, tmp_path / "run")
    assert "no such thing" in raised.value.fix


def test_what_runs_is_found_again_and_ended(tmp_path: Path) -> None:
    script = tmp_path / "ministack_host.py"
    script.write_text("import time\nprint('up', flush=True)\ntime.sleep(60)\n")
    child = runs.subprocess.Popen(
        [sys.executable, script], stdout=runs.subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    running = runs.Running("ministack", "1.5.33", child.pid, 4566, str(tmp_path))
    runs.CHILDREN[child.pid] = child
    runs.note(running, note := tmp_path / "ministack.json")
    assert runs.noted(note) == running
    runs.stop(running)
    child.stdout.close()
    assert runs.noted(note) is None


def test_a_process_that_has_only_the_number_is_not_taken_for_an_emulator(tmp_path: Path) -> None:
    running = runs.Running("ministack", "1.5.33", os.getpid(), 4566, str(tmp_path))
    runs.note(running, note := tmp_path / "ministack.json")
    assert runs.noted(note) is None


def test_nobodys_own_names_are_shown_to_an_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    asked = runs.Running("ministack", "1.5.33", 1, 4566, "/nowhere").environment(MORE="1")
    assert {"AWS_SESSION_TOKEN", "AWS_PROFILE"}.isdisjoint(asked)
    assert (asked["AWS_ENDPOINT_URL"], asked["MORE"]) == ("http://localhost:4566", "1")


@pytest.mark.parametrize("before", ["", "intern.example"])
def test_no_proxy_is_asked_for_this_machine(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", before)
    asked = runs.Running("ministack", "1.5.33", 1, 4566, "/nowhere").environment()
    wanted = f"{before},localhost,127.0.0.1".lstrip(",")
    assert (asked["no_proxy"], asked["NO_PROXY"]) == (wanted, wanted)


@pytest.mark.parametrize("stage", KINDS)
def test_a_stage_of_an_emulator_names_the_log_groups_it_subscribes_to(stage: str) -> None:
    assert log_groups(stage) == ["/local/flow-logs", "/local/app"]
