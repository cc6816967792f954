"""What the command says about itself, and to those who mistype."""

import re

import pytest
from typer.main import get_command

from pipeline import __version__
from pipeline.cli.app import app
from tests.homes import call, run

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_commands_are_those_that_are_built() -> None:
    assert [
        *(
            "audit",
            "compact",
            "dashboard",
            "demo",
            "doctor",
            "erase",
            "estimate",
            "ingest",
            "lookups",
        ),
        "parse",
        "query",
        *("replay", "serve", "tables", "top"),
    ] == COMMANDS


def named(overview: str) -> list[str]:
    """The commands of an overview; what goes on below a name stands further in."""
    commands = overview.partition("Commands:\n")[2]
    return sorted(re.findall(r"^  (\S+)", commands, re.MULTILINE))


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_overview_names_every_command(flag: str) -> None:
    ran = call(flag)
    assert (ran.code, ran.err) == (0, "")
    assert named(ran.out) == COMMANDS


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_overview_names_every_command_however_wide_the_terminal_is(columns: str) -> None:
    assert named(run("--help", COLUMNS=columns).out) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example(command: str) -> None:
    ran = call(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: tailrace {command} ")
    examples = [line for line in ran.out.splitlines() if f"tailrace {command}" in line]
    assert len(examples) > 1  # the first is the usage


@pytest.mark.parametrize("command", ["ingest", "parse"])
def test_the_usage_says_what_must_be_given_and_that_several_files_may(command: str) -> None:
    (usage, _, _) = call(command, "--help").out.partition("\n")
    assert usage == f"Usage: tailrace {command} [OPTIONS] SOURCE [FILE]..."


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_and_argument_is_explained(command: str) -> None:
    for parameter in get_command(app).commands[command].params:  # type: ignore[attr-defined]
        assert getattr(parameter, "help", None) or getattr(parameter, "hidden", False), parameter


def test_the_version_is_that_of_the_package() -> None:
    ran = call("--version")
    assert (ran.code, ran.out) == (0, f"tailrace {__version__}\n")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["ingst"], "nearest: ingest"),
        (["querry"], "nearest: query"),
        (["ingest", "vpc-flow", "f", "--formt", "x"], "nearest: --format"),
        (["query", "top_talkers", "--top", "5"], "-p top=5"),
        (["query", "--bucket=5"], "-p bucket=5"),
        (["audit", "--top", "5"], "all there is: tailrace audit --help"),
        (["audit", "--since"], "option '--since' requires an argument"),
        (["ingest", "vpc-flw", "f"], "did you mean vpc-flow?"),
        (["parse", "app_lgo", "f"], "did you mean app-log?"),
        (["tables", "vpc_flwo"], "did you mean vpc_flow?"),
        (["ingest", "zzz", "f"], "known: vpc-flow, tgw-flow, app-log"),
    ],
)
def test_a_mistyped_word_is_a_usage_error_with_a_hint(words: list[str], hint: str) -> None:
    ran = call(*words)
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", [[], ["nothing"], ["ingest"], ["parse"], ["audit", "--since"]])
def test_what_is_no_call_ends_with_two(words: list[str]) -> None:
    assert call(*words).code == 2
