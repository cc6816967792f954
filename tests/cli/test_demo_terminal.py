"""tailrace demo on a terminal: drawn while it runs, and the same answers at its end."""

import signal
from pathlib import Path

import pytest

from tests.cli.screens import on_terminal

WORDS = ("demo", "--no-open", "--port", "0", "--rate", "100")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["q", "Ctrl-C"])
def test_it_is_drawn_while_it_runs_and_leaves_the_answers(tmp_path: Path, how: str) -> None:
    with on_terminal(*WORDS, "--home", tmp_path, columns=96, lines=44) as terminal:
        before = terminal.settings()
        text = terminal.until(lambda text: "Fresh" in text and "live " in text and "%" in text)
        assert "✓ server     http://127.0.0.1:" in text
        assert "✓ generator  the last 5 minutes of 100 events/s: " in text
        assert " ".join(text.partition("events/s  ")[2].splitlines()[0].split()) == (
            "accepted, 10 min rejected, 10 min arrival to lake unaccounted"
        )
        assert "q stop and print the audit" in text
        terminal.press("2")
        terminal.until(lambda text: "Talkers" in text and "10.20." in text)
        assert terminal.screen.unknown == []
        if how == "q":
            terminal.press("q")
        else:
            terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 0
        end = terminal.screen.text
        assert terminal.settings() == before
    assert "✓ balanced" in end
    assert "repeats seen, none counted twice." in end
    assert "q stop" not in end
    assert "✓ server" in terminal.written[terminal.written.rindex("\x1b[?25h") :]


@pytest.mark.slow
def test_with_an_end_it_ends_by_itself_and_on_a_small_terminal(tmp_path: Path) -> None:
    words = (*WORDS, "--for", "6", "--home", tmp_path)
    with on_terminal(*words, columns=60, lines=20) as terminal:
        text = terminal.until(lambda text: "Pages" in text and "%" in text)
        assert "✓ server" not in text
        assert terminal.end() == 0
        assert "✓ balanced" in terminal.screen.text


@pytest.mark.slow
def test_whoever_breaks_off_one_that_would_end_gets_no_answers(tmp_path: Path) -> None:
    with on_terminal(*WORDS, "--for", "600", "--home", tmp_path, lines=40) as terminal:
        terminal.until(lambda text: "live " in text)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert "balanced" not in terminal.screen.text
        assert terminal.written.rstrip().endswith("interrupted")


@pytest.mark.slow
def test_what_cannot_be_drawn_over_is_told_line_by_line(tmp_path: Path) -> None:
    words = (*WORDS, "--for", "2", "--home", tmp_path)
    with on_terminal(*words, lines=100, TERM="dumb") as terminal:
        assert terminal.end() == 0
        assert "Tailrace demo on http://127.0.0.1:" in terminal.screen.text
        assert "✓ balanced" in terminal.screen.text
        assert "✓ server" not in terminal.screen.text
