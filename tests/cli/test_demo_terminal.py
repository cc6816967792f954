"""tailrace demo on a terminal: drawn while it runs, and the same answers at its end."""

import signal
from pathlib import Path

import pytest

from tests.cli.screens import on_terminal

WORDS = ("demo", "--no-open", "--port", "0", "--rate", "20")


@pytest.mark.slow
def test_it_is_drawn_while_it_runs_and_leaves_the_answers(tmp_path: Path) -> None:
    with on_terminal(*WORDS, "--home", tmp_path, columns=96, lines=44) as terminal:
        before = terminal.settings()
        terminal.until(lambda text: "sending the past" in text and "q stop" in text)
        text = terminal.until(lambda text: "live " in text and "% " in text and "q stop" in text)
        assert "✓ server     http://127.0.0.1:" in text
        assert "✓ generator  the last 5 minutes of 20 events/s: " in text
        heads = "events/s accepted, 10 min rejected, 10 min arrival to lake unaccounted"
        assert heads in [" ".join(line.split()) for line in text.splitlines()]
        terminal.press("2")
        terminal.until(lambda text: "Talkers" in text and " 10.20." in text)
        assert (terminal.screen.unknown, terminal.screen.wraps) == ([], 0)
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.settings() == before
    end = terminal.screen.text
    assert "✓ balanced" in end
    assert "repeats seen, none counted twice." in end
    assert "q stop" not in end
    assert "✓ server" in terminal.written[terminal.written.rindex("\x1b[?25h") :]


@pytest.mark.slow
def test_whoever_breaks_off_one_that_would_end_gets_no_answers(tmp_path: Path) -> None:
    words = (*WORDS, "--for", "600", "--home", tmp_path)
    with on_terminal(*words, columns=60, lines=20) as terminal:
        text = terminal.until(lambda text: "live " in text and "Pages" in text)
        assert "✓ server" not in text
        assert terminal.screen.wraps == 0
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
    assert "balanced" not in terminal.screen.text
    assert terminal.written.rstrip().endswith("interrupted")
