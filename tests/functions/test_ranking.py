"""Counters in a stack, as Lambda calls it: one function answers from them, one adds them up."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from pipeline.counters.table import MERGED_AFTER
from tests.counters.account import TABLE, Account
from tests.counters.test_counters import counted, delta, of
from tests.counters.test_proxy import event
from tests.counters.test_table import opened
from tests.functions.services import Services
from tests.functions.test_log_etl import RUNTIME, environ


@contextmanager
def serving(account: Account) -> Iterator[str]:
    """The account on loopback; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            status, said = account.answer(operation, asked)
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def ran(name: str, url: str, folder: Path, *events: object, table: str = TABLE) -> list[str]:
    """What a function prints, called with some events."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", RUNTIME.replace("log_etl import", f"{name} import")],
        input="".join(json.dumps(each) + "\n" for each in events),
        capture_output=True,
        text=True,
        env=environ(Services(url=url), TAILRACE_COUNTERS_TABLE=table),
        cwd=folder,
        timeout=120,
    )
    return done.stdout.splitlines() if done.returncode == 0 else done.stderr.splitlines()


def test_a_ranking_is_answered_from_the_table(tmp_path: Path) -> None:
    account, minute = Account(), int(time.time()) // 60
    opened(account).add(delta("", "1", of(minute - 1, **{"/a": 3}), minute=minute))
    with serving(account) as url:
        lines = ran("ranking", url, tmp_path, event(), event(), event(by="nothing"))
    first, second, refused = json.loads(lines[-1])["answers"]
    assert [each["statusCode"] for each in (first, second, refused)] == [200, 200, 400]
    assert [(each["key"], each["count"]) for each in json.loads(first["body"])["items"]] == [
        ("/a", 3)
    ]
    # A call that comes within a second asks nothing.
    assert account.did["Query"] <= 5


def test_closed_minutes_are_added_up_on_schedule(tmp_path: Path) -> None:
    account, minute = Account(), int(time.time()) // 60 - MERGED_AFTER - 2
    table = opened(account)
    for number in range(4):
        counts = of(minute, **{"/a": 1})
        place = delta(str(number or ""), str(number + 1), counts, minute=minute + number // 2)
        assert table.add(place)
    with serving(account) as url:
        lines = ran("counters", url, tmp_path, {}, {})
    assert json.loads(lines[-1])["answers"] == [{"minutes": 2}, {"minutes": 0}]
    assert len(list(table.news(0, {}))) == 2
    assert counted(table) == {minute: {"/a": 4}}


def test_without_a_table_it_says_what_sets_it(tmp_path: Path) -> None:
    assert any(
        "TAILRACE_COUNTERS_TABLE is not set" in line
        for line in ran("ranking", "http://127.0.0.1:9", tmp_path, event(), table="")
    )
