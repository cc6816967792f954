"""The server as a process: start, end, kills, many clients at once."""

import json
import random
import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.home import audit_of, readable
from tests.homes import flow, numbers, run
from tests.web.clients import LINES, Clients, audited, check_all_there
from tests.web.kills import killed
from tests.web.serving import PATIENCE_S, serving, until


def test_the_url_is_said_in_one_line(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as running:
        assert running.get("/v1/health").status_code == 200
        assert running.said().startswith(f"Tailrace serves {running.url}, home ")
        assert running.said().count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_zero_and_says_what_came_of_it(tmp_path: Path, number: int) -> None:
    with serving(tmp_path / "home") as running:
        running.post(flow(1) + b"no flow\n")
        said = running.said()
        assert running.end(number) == 0
        assert running.said() == f"{said}ended: 1 row, 1 refused\n"
    assert numbers(tmp_path / "home") == [1]


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = run("serve", "--home", tmp_path / "home", "--port", str(port))
    assert (ran.code, ran.out) == (1, "")
    assert "Address already in use" in ran.err
    assert f"at 127.0.0.1 port {port}" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("host", ["no.such.host.invalid", "1.2.3.4.5"])
def test_an_address_that_is_none_is_a_usage_error(tmp_path: Path, host: str) -> None:
    ran = run("serve", "--home", tmp_path / "home", "--port", "0", "--host", host)
    assert ran.code == 2
    assert host in ran.err


@pytest.mark.fault("F33")
@pytest.mark.parametrize(
    ("environ", "code", "named"),
    [
        ({"TAILRACE_LIMITS_BODY_BITES": "1"}, 2, "TAILRACE_LIMITS_BODY_BYTES"),
        ({"TAILRACE_LIMITS_BODY_BYTES": "much"}, 2, "TAILRACE_LIMITS_BODY_BYTES"),
        ({"TAILRACE_HOME": "/dev/null/home"}, 1, "/dev/null/home"),
    ],
)
def test_what_is_wrong_at_the_start_is_named_and_nothing_is_served(
    environ: dict[str, str], code: int, named: str
) -> None:
    ran = run("serve", "--port", "0", **environ)
    assert (ran.code, ran.out) == (code, "")
    assert named in ran.err
    assert "http://" not in ran.err


@pytest.mark.fault("F33")
def test_formats_that_are_none_are_refused_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "tailrace.toml"
    config.write_text('[formats]\n"/vpc/a" = ""\n')
    ran = run("serve", "--port", "0", "--home", tmp_path / "home", "--config", config)
    assert ran.code == 2
    assert "the format cannot be used" in ran.err


@pytest.mark.fault("F7")
@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("table checkpoint rename to hidden", "error: log.db cannot be read: no such table: "),
        ("table record rename column header to x", "error: the worker ended by a defect\n"),
    ],
)
def test_a_server_of_which_a_thread_ends_does_not_live_on_and_says_why(
    tmp_path: Path, broken: str, says: str
) -> None:
    home = tmp_path / "home"
    with serving(home) as running:
        (home / "lake").write_text("in the way")
        assert running.post(flow(1)).status_code == 202
        with closing(sqlite3.connect(home / "log.db", isolation_level=None)) as edit:
            edit.execute(f"alter {broken}")
            assert running.process.wait(PATIENCE_S) == 1
        assert says in running.said()


def test_a_client_that_goes_in_the_middle_of_a_body_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as running:
        host, _, port = running.url.removeprefix("http://").partition(":")
        for _ in range(5):
            with socket.create_connection((host, int(port))) as client:
                head = (
                    f"POST /v1/logs/vpc-flow HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5000\r\n"
                )
                client.sendall(head.encode() + b"\r\n" + flow(1))
        assert running.post(flow(2)).status_code == 202
        running.landed()
        assert running.end() == 0
        (_, last) = running.said().splitlines()
        assert last == "ended: 1 row, 0 refused"
    assert numbers(home) == [2]


def test_a_second_server_on_a_home_names_the_first(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as running:
        ran = run("serve", "--home", home, "--port", "0")
        assert ran.code == 1
        assert f"another process writes to this home: pid {running.process.pid}" in ran.err
        assert running.post(flow(1)).status_code == 202


def test_the_command_line_reads_beside_a_server(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as running:
        running.post(flow(1, int(time.time()) - 5))
        running.landed()
        ran = run("query", "traffic_by_action", "--home", home, "--output", "json")
        assert ran.code == 0
        assert json.loads(ran.out)["rows"][0][:2] == ["ACCEPT", 1]
        assert audited(home)


def test_thirty_two_clients_at_once_lose_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as running:
        clients = Clients(running, 32)
        clients.start()
        until(lambda: len(clients.acknowledged) >= 32 * 5 * LINES)
        clients.stop.set()
        clients.join()
        running.landed()
        assert clients.unsure == []
        check_all_there(home, clients)
        assert audited(home)


@pytest.mark.fault("F29")
@pytest.mark.slow
def test_a_server_that_is_told_to_end_under_load_loses_nothing(tmp_path: Path) -> None:
    """Flushed or handed back within ten seconds."""
    home = tmp_path / "home"
    with serving(home) as running:
        clients = Clients(running, 16)
        clients.start()
        until(lambda: len(clients.acknowledged) >= 16 * 10 * LINES)
        begun = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - begun < 10
        clients.join()
        assert "Traceback" not in running.said()
    with serving(home) as running:
        running.landed()
        check_all_there(home, clients)
        assert audited(home)


@pytest.mark.fault("F29")
@pytest.mark.slow
def test_a_server_that_ends_while_its_sink_fails_hands_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as running:
        (home / "lake").write_text("in the way")
        assert running.post(flow(1)).status_code == 202
        until(lambda: running.get("/v1/health").status_code == 503)
        begun = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - begun < 10
    (home / "lake").unlink()
    with serving(home) as running:
        running.landed()
    assert numbers(home) == [1]


@pytest.mark.fault("F7")
@pytest.mark.slow
def test_every_acknowledged_line_is_once_in_the_view_after_kills(tmp_path: Path) -> None:
    found = killed(tmp_path / "home", 5, random.Random(4))
    assert found.acknowledged >= 5 * 8 * LINES


@pytest.mark.fault("F3", "F7")
@pytest.mark.slow
def test_a_key_that_is_sent_again_after_a_kill_is_one(tmp_path: Path) -> None:
    home, places = tmp_path / "home", []
    for _ in range(3):
        with serving(home) as running:
            keyed = [running.post(flow(n), Idempotency_Key=f"n{n}") for n in range(40)]
            running.process.kill()
        assert {response.status_code for response in keyed} == {202}
        places.append([response.json() for response in keyed])
    assert places[0] == places[1] == places[2]
    with serving(home) as running:
        running.landed()
    assert numbers(home) == list(range(40))
    # The view shows one even of records that came in three times: what came in is counted, too.
    with readable(home) as opened:
        assert sum(hour.events_in for hour in audit_of(opened).hours) == 40
