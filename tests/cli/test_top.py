"""tailrace top: beside a server, on terminals of any kind, and where there is none."""

import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipeline.cli.top.answers import Ranked
from pipeline.cli.top.kept import LONGEST_S, Kept
from pipeline.errors import InputError
from tests.cli.screens import on_terminal
from tests.homes import call, flow, run
from tests.web.serving import Served, serving, until

# A path with a control character is refused, a title is taken as it is.
EVIL, TITLE = "/\u202egnp", "\x1b[2J[red]\x1b]0;owned\x07"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("top")
    with serving(folder / "home") as running:
        view(running, "/pricing", 3)
        view(running, EVIL, 2, TITLE)
        view(running, "/", 1)
        at = datetime.now(UTC) - timedelta(minutes=3)
        running.post(b"".join(flow(6_000, int(at.timestamp())) for _ in range(5)))
        running.landed()
        until(lambda: running.get("/v1/ranking?by=page").json()["total"] == 6)
        until(lambda: running.get("/v1/ranking?by=talker").json()["total"] == 30_000)
        yield running


def view(served: Served, path: str, times: int, title: str = "Title") -> None:
    viewed = {"path": path, "title": title}
    with served.client() as client:
        for _ in range(times):
            sent = client.post("/v1/views", json=viewed, headers={"user-agent": "Mozilla"})
            assert sent.status_code == 204, sent.text


def test_where_there_is_no_terminal_it_is_printed_once_without_colour(served: Served) -> None:
    ran = run("top", "--home", served.home)
    assert (ran.code, ran.err) == (0, "")
    assert "\x1b" not in ran.out
    lines = ran.out.splitlines()
    assert lines[1] == f"  home {served.home}"
    assert lines[3].startswith("  Pages   6 views")
    rows = [line.split()[:3] for line in lines if "%" in line]
    assert rows == [
        ["1", "new", "/pricing"],
        ["2", "new", "/\\u202egnp"],
        ["3", "new", "/"],
    ]
    assert max(map(len, lines)) <= 96


@pytest.mark.parametrize(
    ("by", "said"), [("talker", "30 kB"), ("rejected-port", "0 flows"), ("error_path", "0 req")]
)
def test_every_ranking_can_be_asked_for(served: Served, by: str, said: str) -> None:
    ran = run("top", "--by", by, "--window", "30m", "--home", served.home)
    assert (ran.code, ran.err) == (0, "")
    assert said in ran.out.splitlines()[3]


def test_a_server_answers_the_same_as_its_home(served: Served) -> None:
    words = ("top", "--by", "talker", "--once")
    home, url = (
        run(*words, *where).out.splitlines()[2:]
        for where in (("--home", str(served.home)), ("--url", served.url))
    )
    assert home == url
    assert "  accepted " + " " * 27 + "█  ░  500 B/s at" in "\n".join(home)


def test_rows_are_no_more_than_were_asked_for(served: Served) -> None:
    ran = run("top", "-k", "1", "--home", served.home)
    assert ran.out.count("%") == 1


def test_it_is_drawn_on_a_screen_of_its_own_and_follows_what_comes_in(served: Served) -> None:
    with on_terminal("top", "--home", served.home, columns=120) as terminal:
        first = terminal.until(lambda text: "Pages" in text and "old" in text)
        assert terminal.screen.whole
        assert "q quit" in first
        before = first.count("%")
        view(served, "/hot", 9)
        text = terminal.until(lambda text: "/hot" in text)
        assert text.count("%") == before + 1
        assert text.index("/hot") < text.index("/pricing")
        assert " \\x1b[2J[red]\\x1b]0;owned\\x07 " in text
        assert (terminal.screen.unknown, terminal.screen.wraps) == ([], 0)
        terminal.press("q")
        assert terminal.end() == 0
        assert not terminal.screen.whole


def test_keys_choose_the_ranking_and_the_window_and_pause(served: Served) -> None:
    with on_terminal("top", "--home", served.home, columns=96) as terminal:
        terminal.until(lambda text: "/pricing" in text)
        terminal.press("2")
        terminal.until(lambda text: "Talkers   30 kB" in text and "172.31.16.139" in text)
        terminal.press("\t")
        terminal.until(lambda text: "Rejected ports   0 flows" in text)
        terminal.press("1-")
        terminal.until(lambda text: "Pages" in text and minutes(text) == 5)
        terminal.press("++")
        terminal.until(lambda text: minutes(text) == 15)
        terminal.press("p")
        terminal.until(lambda text: "Paused, 2 s old" in text)
        view(served, "/paused", 9)
        until(lambda: "/paused" in served.get("/v1/ranking").text)
        terminal.until(lambda text: "Paused, 4 s old" in text)
        assert "/paused" not in terminal.screen.text
        terminal.press("p")
        terminal.until(lambda text: "/paused" in text and "Paused" not in text)
        terminal.press("q")
        assert terminal.end() == 0


def minutes(text: str) -> int:
    """Length of the window that a frame names; 0 where it names none."""
    found = re.search(r"window (..:..) \u2013 (..:..) UTC", text)
    if not found:
        return 0
    first, end = (datetime.strptime(each, "%H:%M") for each in found.groups())
    return int((end - first).total_seconds() // 60) % (24 * 60)


def test_a_terminal_that_changes_its_size_is_drawn_anew(served: Served) -> None:
    with on_terminal("top", "--home", served.home, columns=120) as terminal:
        terminal.until(lambda text: "window" in text and "share" in text)
        terminal.resize(40, 12)
        text = terminal.until(lambda text: "Pages" in text and "/pricing" in text)
        assert "share" not in text
        assert "Traffic" not in text
        terminal.press("q")
        assert terminal.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_however_it_ends_the_terminal_is_as_it_was(served: Served, number: signal.Signals) -> None:
    with on_terminal("top", "--home", served.home) as terminal:
        before = terminal.settings()
        terminal.until(lambda text: "Pages" in text)
        assert terminal.settings() != before
        terminal.process.send_signal(number)
        assert terminal.end() == 130
        assert terminal.settings() == before
        assert not terminal.screen.whole
        assert terminal.written.rstrip().endswith("interrupted")
        assert terminal.written.count("\x1b[?25h") == terminal.written.count("\x1b[?25l") == 1


def test_without_colour_nothing_is_coloured(served: Served) -> None:
    with on_terminal("top", "--home", served.home, NO_COLOR="1") as terminal:
        terminal.until(lambda text: "/pricing" in text)
        terminal.press("q")
        assert terminal.end() == 0
    assert "\x1b[36m" not in terminal.written
    with on_terminal("top", "--home", served.home) as terminal:
        terminal.until(lambda text: "/pricing" in text)
    assert "\x1b[36m" in terminal.written


@pytest.mark.parametrize("words", [("--once",), ()])
def test_a_terminal_that_cannot_be_drawn_over_gets_one_frame(
    served: Served, words: tuple[str, ...]
) -> None:
    term = "xterm" if words else "dumb"
    with on_terminal("top", *words, "--home", served.home, TERM=term) as terminal:
        assert terminal.end() == 0
        assert "/pricing" in terminal.screen.text
        assert "\x1b[?" not in terminal.written
        assert ("\x1b[" in terminal.written) == bool(words)


def test_a_home_that_nobody_writes_to_says_so(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as running:
        view(running, "/last", 1)
        until(lambda: running.get("/v1/ranking").json()["total"] == 1)
        running.landed()
        running.end()
    ran = run("top", "--home", tmp_path / "home")
    assert ran.code == 0
    assert "  nobody writes to it now: home /" in ran.out
    assert " /last " in ran.out


def test_a_home_without_counts_is_not_configured(tmp_path: Path) -> None:
    ran = call("top", "--home", tmp_path)
    assert (ran.code, ran.out) == (3, "")
    assert "nothing was counted in this home yet" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--by", "colour"), "there is no ranking by 'colour'"),
        (("--window", "61m"), "window: '61m'"),
        (("--window", "1h"), "give 1m to 60m"),
        (("-k", "0"), "-k"),
        (("--url", "ftp://x"), "no URL of a server"),
        (("--url", "http://a b"), "no URL of a server"),
        (("--url", "http://u:p@x"), "no name"),
        (("--url", "http://x:99999"), "no URL"),
        (("--url", "http://127.0.0.1:1", "--home", "x"), "leave one of them out"),
    ],
)
def test_a_wrong_call_is_said(words: tuple[str, ...], said: str) -> None:
    ran = call("top", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_server_that_does_not_answer_is_named() -> None:
    ran = call("top", "--url", "http://127.0.0.1:1")
    assert ran.code == 1
    assert ran.err.startswith("error: the server does not answer: ")
    assert "at http://127.0.0.1:1\n" in ran.err


class Other(BaseHTTPRequestHandler):
    """A server that is something else."""

    said: tuple[int, bytes] = 200, b""

    def do_GET(self) -> None:
        self.send_response(self.said[0])
        self.end_headers()
        self.wfile.write(self.said[1])

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "no answer of Tailrace"),
        (200, b"{}", "no answer of Tailrace"),
        (200, b'{"worker": {"last_landed": "\\u001b[2J"}}', "no answer of Tailrace"),
        (200, b'{"worker": {"last_landed": null}, "by": "\\u001b[2J"}', "no answer of Tailrace"),
        (404, b'{"error": {"what": "\\u001b[2Jno", "fix": "go"}}', "the server answers 404: \\x1b"),
        (503, b"[]", "no answer of Tailrace"),
        (500, b"[]", "the server answers 500"),
    ],
)
def test_a_server_that_is_another_is_told(status: int, body: bytes, said: str) -> None:
    handler = type("Said", (Other,), {"said": (status, body)})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            ran = call("top", "--url", f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert "\x1b" not in ran.err
    assert "defect" not in ran.err


def test_when_the_server_ends_the_last_good_numbers_stay_and_it_is_asked_again(
    tmp_path: Path,
) -> None:
    with serving(tmp_path / "home") as running:
        view(running, "/last", 1)
        until(lambda: running.get("/v1/ranking").json()["total"] == 1)
        with on_terminal("top", "--url", running.url, columns=96) as terminal:
            terminal.until(lambda text: "/last" in text and "Fresh" in text)
            running.end()
            text = terminal.until(lambda text: "the server does not answer" in text)
            assert "/last" in text
            assert "again in" in text
            terminal.press("q")
            assert terminal.end() == 0


class Pool:
    """Works at once."""

    def submit(self, ask):  # type: ignore[no-untyped-def]
        from concurrent.futures import Future

        made: Future[object] = Future()
        try:
            made.set_result(ask())
        except InputError as error:
            made.set_exception(error)
        return made


def test_what_fails_is_asked_less_and_less_often_and_the_last_good_answer_is_kept() -> None:
    now, said = [0.0], [1, None, None, None, None, None, None, 2]

    def ask() -> int:
        found = said.pop(0)
        if found is None:
            raise InputError("no")
        return found

    kept: Kept[int] = Kept(ask, 1.0, Pool(), lambda: now[0])  # type: ignore[arg-type]
    waits = []
    while len(waits) < 8:
        kept.poll()
        assert kept.poll()
        waits.append(kept.in_s)
        assert (kept.value, kept.failures) == ((1, len(waits) - 1) if len(waits) < 8 else (2, 0))
        now[0] += kept.in_s
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_S, LONGEST_S, 1.0]


def test_what_takes_long_is_asked_so_seldom_that_others_have_the_machine() -> None:
    now = [0.0]

    def ask() -> int:
        now[0] += 2
        return 1

    kept: Kept[int] = Kept(ask, 1.0, Pool(), lambda: now[0])  # type: ignore[arg-type]
    kept.poll()
    kept.poll()
    assert kept.in_s == 18.0


def test_what_was_asked_before_is_no_answer_to_something_else() -> None:
    kept: Kept[int] = Kept(lambda: 1, 1.0, Pool(), lambda: 0.0)  # type: ignore[arg-type]
    kept.poll()
    kept.anew(lambda: 2)
    assert (kept.poll(), kept.value) == (False, None)
    assert (kept.poll(), kept.value) == (True, 2)


def test_the_answer_of_a_server_has_the_shape_of_the_homes(served: Served) -> None:
    import msgspec

    told = json.loads(served.get("/v1/ranking").content)
    assert msgspec.convert(told, Ranked).window.minutes == 10
    assert os.path.isfile(served.home / "ranking.db")
