"""Emulators: told apart, kept to loopback, ended with all that they started."""

import json
import os
import socket
import subprocess
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
from infra.emulators.stack import log_groups, step
from pipeline.errors import NotConfigured, TailraceError, UsageError

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


@contextmanager
def noted_as(kind: str, port: int, folder: Path) -> Iterator[runs.Running]:
    """A process that is taken for this emulator, noted in the folder with that port."""
    script = folder / f"{kind}_host.py"
    script.write_text("import time\nprint('up', flush=True)\ntime.sleep(60)\n")
    child = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, start_new_session=True
    )
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


def test_what_runs_is_found_again_and_ended(tmp_path: Path) -> None:
    with noted_as("ministack", 4566, tmp_path) as running:
        assert runs.noted(tmp_path / "ministack.json") == running
    assert runs.noted(tmp_path / "ministack.json") is None


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


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_is_none_is_refused(port: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"there is no port {port}") as caught:
        runs.start(MINISTACK, tmp_path / "run", port)
    assert caught.value.where == "--port"


def test_a_port_is_free_as_soon_as_who_had_it_has_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            # Who ends a connection first is who keeps its port for a minute.
            server.accept()[0].close()
            client.recv(1)
    assert runs._free(port, MINISTACK) == port


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


@pytest.mark.parametrize("stage", KINDS)
def test_a_stage_of_an_emulator_names_the_log_groups_it_subscribes_to(stage: str) -> None:
    assert log_groups(stage) == ["/local/flow-logs", "/local/app"]
