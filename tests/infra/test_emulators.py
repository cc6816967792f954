"""Emulators: told apart, kept to loopback, ended with all that they started."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.emulators import __main__ as commands
from infra.emulators import running as runs
from infra.emulators.inside.ministack_host import for_programs
from infra.emulators.kinds import KINDS, LOCALSTACK, MINISTACK, Kind, check, find
from infra.emulators.stack import deploy, log_groups, step
from pipeline.errors import NotConfigured, TailraceError, UsageError
from tests.answering import answering

ROOT = Path(__file__).resolve().parents[2]
# CloudFormation's answers to DescribeStacks.
STACKS = (
    "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>x</StackName>"
    "<StackStatus>{}</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
)
NO_STACK = (
    "<ErrorResponse><Error><Code>ValidationError</Code><Message>no stack{}</Message></Error>"
    "</ErrorResponse>"
)


@contextmanager
def health(stack: str = "", **said: object) -> Iterator[int]:
    """A server that says this on every path; its port. `stack`: in which state it has one."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def do_POST(self) -> None:
            self.send_response(200 if stack else 400)
            self.end_headers()
            self.wfile.write((STACKS if stack else NO_STACK).format(stack).encode())

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
        runs.start(LOCALSTACK, tmp_path / "run", port)
    assert caught.value.where == "by ministack 1.5.33"
    assert caught.value.fix == (
        "make local-down TARGET=ministack in the folder it was started from,"
        ' or take any other: make local-up TARGET=localstack ARGS="--port 0"'
    )


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
    said = f"no {kind} runs that was started here: nothing to end\n"
    assert capsys.readouterr().err == said


def test_an_emulator_that_ends_at_once_is_told_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone_host.py").write_text("raise SystemExit('no such thing')\n")
    monkeypatch.setattr(Kind, "python", Path(sys.executable))
    monkeypatch.setattr(Kind, "program", tmp_path / "gone_host.py")
    note = tmp_path / "ministack.json"
    with pytest.raises(TailraceError, match="ministack ended with 1 before it answered") as raised:
        runs.start(MINISTACK, tmp_path / "run", 0, note)
    assert "no such thing" in raised.value.fix
    # It is noted before it answers: else nobody could end it when its start is broken off.
    assert json.loads(note.read_text("utf-8"))["kind"] == "ministack"


# Says what MiniStack says, and has a child in a session of its own, as Kinesis of LocalStack is.
STANDS_IN = """
import http.server, json, os, subprocess, sys
child = [sys.executable, "-c", "import time; time.sleep(120)"]
subprocess.Popen(child, start_new_session=True)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"edition": "light", "version": "1.5.33"}).encode())
http.server.HTTPServer(("127.0.0.1", int(os.environ["GATEWAY_PORT"])), Answer).serve_forever()
"""


@pytest.fixture
def stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of MiniStack; where its notes are."""
    (program := tmp_path / "ministack_host.py").write_text(STANDS_IN)
    monkeypatch.setattr(Kind, "python", Path(sys.executable))
    monkeypatch.setattr(Kind, "program", program)
    monkeypatch.setattr(commands, "FOLDER", folder := tmp_path / "emulators")
    return folder


def test_what_runs_is_found_again_and_ended_with_all_that_it_started(stands_in: Path) -> None:
    note = stands_in / "ministack.json"
    running = runs.start(MINISTACK, stands_in / "ministack", noted_in=note)
    try:
        assert runs.noted(note) == running
        assert len(runs._pids(running)) == 2
    finally:
        runs.stop(running)
    assert runs._pids(running) == set()
    assert runs.noted(note) is None


def test_what_an_emulator_leaves_that_was_killed_is_ended(
    stands_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = stands_in / "ministack.json"
    running = runs.start(MINISTACK, stands_in / "ministack", noted_in=note)
    os.kill(running.pid, signal.SIGKILL)
    runs.CHILDREN[running.pid].wait()
    assert len(runs._pids(running)) == 1
    assert commands.main(["down"]) == 0
    assert capsys.readouterr().err == (
        f"ending ministack at {running.endpoint}, up to {runs.END_S:.0f} s\nministack has ended\n"
    )
    assert runs._pids(running) == set()
    assert not note.exists()


def test_an_emulator_is_noted_before_it_answers(stands_in: Path) -> None:
    note, seen = stands_in / "ministack.json", []

    class Looks(Kind):
        def told(self, port: int) -> str:
            seen.append(runs.noted(note))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.start(
            Looks("ministack", "1.5.33", MINISTACK.settings),
            stands_in / "ministack",
            noted_in=note,
        )
    assert seen[0] is not None
    assert runs._pids(seen[0]) == set()


def test_an_emulator_that_cannot_be_noted_is_ended(
    stands_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stands_in / "ministack.new").mkdir(parents=True)
    assert commands.main(["up", "--port", "0"]) == 1
    assert "the emulator's folder cannot be used: Is a directory" in capsys.readouterr().err
    noted = runs.Running("ministack", "1.5.33", 0, 1, str(stands_in / "ministack"))
    assert runs._pids(noted) == set()


@pytest.mark.parametrize(
    "number", [os.getpid(), 0, -1, 1], ids=["this one", "group", "all", "first"]
)
def test_a_process_that_has_only_the_number_is_left_alone(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    # Its name is no sign either: another project may run one.
    script = tmp_path / "ministack_host.py"
    script.write_text("import time\nprint('up', flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for pid in (number, other.pid):
            running = runs.Running("ministack", "1.5.33", pid, 4566, str(tmp_path))
            runs.note(running, note := tmp_path / "ministack.json")
            assert runs.noted(note) is None
            assert commands.main(["down"]) == 0
            runs.stop(running)
        assert other.poll() is None
        other.kill()


@contextmanager
def noted_as(kind: str, port: int, folder: Path) -> Iterator[runs.Running]:
    """A process that is taken for this emulator, noted in the folder with that port."""
    code = "import time; print('up', flush=True); time.sleep(60)"
    environ = {**os.environ, runs.MARK: str(folder)}
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environ)
    assert child.stdout is not None
    child.stdout.readline()
    running = runs.Running(kind, KINDS[kind].version, child.pid, port, str(folder))
    runs.CHILDREN[child.pid] = child
    runs.note(running, folder / f"{kind}.json")
    try:
        yield running
    finally:
        runs.stop(running)
        child.stdout.close()


def test_local_down_names_the_emulator_that_does_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    with noted_as("localstack", 4566, tmp_path):
        assert commands.main(["--target", "ministack", "down"]) == 0
    said = "nothing to end; localstack does: make local-down TARGET=localstack\n"
    assert capsys.readouterr().err.endswith(said)


def test_where_it_runs_already_the_variables_are_printed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    with health(stack="CREATE_COMPLETE") as port, noted_as("localstack", port, tmp_path):
        assert commands.main(["--target", "localstack", "up"]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("localstack 4.13.1 runs already, with the stack, at http://local")
    assert "after a change: make local-down TARGET=localstack, then make local-up" in told.err
    assert f"export AWS_ENDPOINT_URL=http://localhost:{port}\n" in told.out


@pytest.mark.parametrize(
    ("stack", "said"), [("", "not there"), ("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS")]
)
def test_where_it_runs_without_the_stack_it_is_said_what_to_do(
    stack: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    with health(stack=stack) as port, noted_as("localstack", port, tmp_path):
        assert commands.main(["--target", "localstack", "up"]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.splitlines()[0]) == (
        "",
        f"error: localstack runs already, and the stack is {said}",
    )
    assert "make local-down TARGET=localstack" in told.err


def test_a_shell_that_evaluates_the_variables_asks_the_emulator_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = {
        "AWS_PROFILE": "mine",
        "AWS_SESSION_TOKEN": "mine",
        "AWS_ENDPOINT_URL_S3": "http://elsewhere",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    for name, text in theirs.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    with health(stack="CREATE_COMPLETE") as port, noted_as("ministack", port, tmp_path):
        commands.main(["up"])
    script = f"{capsys.readouterr().out}env"
    kept = {"PATH": os.environ["PATH"], **theirs}
    ran = subprocess.run(
        ["/bin/sh", "-c", script], env=kept, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in ran.stdout.splitlines() if line.startswith("AWS_"))
    assert found == {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://localhost:{port}",
    }


def test_a_deployment_tells_what_it_is_at(tmp_path: Path) -> None:
    log = tmp_path / "deploy.log"
    told = []
    for line in ("tailrace-x: account 0", "==> sam build --x", "==> sam deploy --x", "Uploading"):
        with log.open("a") as out:
            out.write(f"{line}\n")
        told.append(step(log))
    assert told == ["", "building the function", "deploying the stack", "deploying the stack"]


def test_the_commands_load_nothing_that_loses_a_ctrl_c() -> None:
    # pyarrow looks for pandas while it loads, and takes an interrupt for its absence.
    code = "import sys, infra.emulators.__main__ as it; print('pyarrow' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert ran.stdout == b"False\n"


def test_make_demo_takes_a_target() -> None:
    command = ["make", "-n", "demo", "TARGET=localstack", "ARGS=--x"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ".venv/bin/tailrace demo --target 'localstack' --x\n" in ran.stdout


def test_columns_of_ministack_have_their_types() -> None:
    if not (ROOT / "build" / "venv-ministack").exists():
        pytest.skip("NOT RUN: columns of MiniStack, which is not installed: make local-up does it")
    code = (
        "import ministack_host as ours, ministack.services.athena as it\n"
        "ours.with_types_of_columns()\n"
        "print(*(it._duckdb_type({'Type': each}) for each in"
        " ('map<string,string>', 'array<string>', 'bigint', 'string')), sep='; ')"
    )
    command = [str(MINISTACK.python), "-c", code]
    folder = MINISTACK.program.parent
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert ran.stdout == "MAP(TEXT, TEXT); TEXT[]; BIGINT; VARCHAR\n"


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"\xff", b"{}", b'{"kind": "ministack", "pid": "1"}', b"[" * 100_000],
)
def test_a_note_that_cannot_be_read_is_told(
    text: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    (tmp_path / "ministack.json").write_bytes(text)
    for command in ("up", "down"):
        assert commands.main([command]) == 1
        assert "the note of what runs cannot be read" in capsys.readouterr().err


def test_one_command_at_a_time_starts_or_ends_an_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    with runs.alone(tmp_path / "ministack.lock"):
        for command in ("up", "down"):
            assert commands.main([command]) == 1
            said = capsys.readouterr().err
            assert said.startswith("error: another command is starting or ending ministack\n")
    assert commands.main(["down"]) == 0


def test_what_a_link_in_the_place_of_the_folder_leads_to_stays(
    stands_in: Path, tmp_path: Path
) -> None:
    (other := tmp_path / "other").mkdir()
    (other / "mine").write_text("mine")
    stands_in.mkdir()
    (folder := stands_in / "ministack").symlink_to(other)
    runs.stop(runs.start(MINISTACK, folder))
    assert (other / "mine").read_text() == "mine"
    assert not folder.is_symlink()


def test_a_folder_that_is_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(commands, "FOLDER", tmp_path / "file" / "emulators")
    for command in ("up", "down"):
        assert commands.main([command]) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: the emulator's folder cannot be used: Not a directory\n")


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none_is_refused(
    port: str, stands_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(["up", "--port", port]) == 2
    assert f"there is no port {port}" in capsys.readouterr().err


def test_a_port_whose_last_connections_are_not_gone_is_free(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as asking:
            server.accept()[0].close()
            asking.recv(1)
    assert runs._free(port, MINISTACK) == port


def test_what_localstacks_client_is_told_does_not_give_ministack_another_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USE_SSL", "1")
    assert runs._surroundings(MINISTACK.settings(1, tmp_path))["USE_SSL"] == "0"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (("Accept", "*/*"), 200),
        (("Host", "127.0.0.1:4566"), 200),
        (("Host", "[::1]:4566"), 200),
        (("Host", "bucket.Localhost:4566"), 200),
        (("Host", "bucket.s3.localhost.localstack.cloud"), 200),
        (("Sec-Fetch-Site", "none"), 200),
        (("Origin", "http://evil.example"), 403),
        (("Origin", "null"), 403),
        (("Sec-Fetch-Site", "cross-site"), 403),
        (("Host", "evil.example:4566"), 403),
        (("Host", "evillocalhost"), 403),
        (("Host", "localhost.evil.example"), 403),
        (("Host", "[::1"), 403),
        (("Host", ""), 403),
    ],
)
def test_no_page_in_a_browser_may_ask_ministack(head: tuple[str, str], status: int) -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    heads = {"Host": "localhost:4566"} | {head[0]: head[1]}
    raw = [(name.encode(), text.encode()) for name, text in heads.items()]
    asyncio.run(for_programs(answer)({"type": "http", "headers": raw}, None, send))
    assert said[0]["status"] == status


def test_a_deployment_to_an_emulator_is_held_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (python := tmp_path / "python").write_text("#!/bin/sh\nenv\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("TAILRACE_TARGET", "aws")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, seen):
        running = runs.Running("ministack", "1.5.33", 0, port, str(tmp_path))
        deploy(running, Path("sam"), tmp_path / "log")
    said = (tmp_path / "log").read_text().splitlines()
    assert "TAILRACE_TARGET=ministack" in said
    assert f"AWS_ENDPOINT_URL={running.endpoint}" in said
    assert not [line for line in said if "mine" in line or line.startswith("AWS_ENDPOINT_URL_")]
    assert len(seen) == 3  # a bucket, and two log groups


def test_what_an_emulator_refuses_before_a_deployment_is_told(tmp_path: Path) -> None:
    with answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") as (port, _):
        running = runs.Running("ministack", "1.5.33", 0, port, str(tmp_path))
        with pytest.raises(TailraceError, match="ministack: Forbidden"):
            deploy(running, Path("sam"), tmp_path / "log")


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
