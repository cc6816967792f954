"""README.md, CONTRIBUTING.md and docs/ name what there is, all of it and nothing else."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from pipeline.cli.app import app
from pipeline.queries import catalogue
from pipeline.sources import NAMES
from tests.e2e import capabilities
from tests.homes import call

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
AWS = (ROOT / "docs" / "aws.md").read_text("utf-8")
LOCALSTACK = (ROOT / "docs" / "localstack.md").read_text("utf-8")
GRAFANA = (ROOT / "docs" / "grafana.md").read_text("utf-8")
PAGES = {
    "README.md": README,
    "CONTRIBUTING.md": CONTRIBUTING,
    "docs/aws.md": AWS,
    "docs/localstack.md": LOCALSTACK,
    "docs/grafana.md": GRAFANA,
}
TEMPLATES = {path.name: path.read_text("utf-8") for path in (ROOT / "infra").glob("*.yaml")}
COMMANDS = set(get_command(app).commands)  # type: ignore[attr-defined]
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):.*##", (ROOT / "Makefile").read_text("utf-8"), re.M))
# In code: between backticks, or at the start of an indented line.
COMMAND = re.compile(r"(?:`|^ {4}|^    .*/)tailrace ([a-z]+)", re.M)
TARGET = re.compile(r"(?:`|^ {4})make ([a-z][a-z0-9-]*)", re.M)


def first_column(page: str, head: str) -> list[str]:
    """Code in the first column of the table whose first column is called so."""
    table = page.partition(f"\n| {head} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)`", table, re.M)


def section(page: str, title: str) -> str:
    return re.split(r"^#+ ", page.partition(f" {title}\n")[2], maxsplit=1, flags=re.M)[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_named_exists(page: str) -> None:
    assert set(COMMAND.findall(PAGES[page])) <= COMMANDS


@pytest.mark.parametrize("page", PAGES)
def test_every_target_that_is_named_exists(page: str) -> None:
    named = TARGET.findall(PAGES[page])
    assert named
    assert set(named) <= TARGETS


def test_the_readme_names_every_command() -> None:
    assert {name.split()[1] for name in first_column(README, "command")} == COMMANDS


def test_the_readme_names_every_target() -> None:
    assert set(TARGET.findall(README)) == TARGETS


def test_every_saved_question_that_the_readme_names_exists() -> None:
    table = README.partition("\n| query |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines()[2:]))
    assert named
    assert set(named) <= set(catalogue.load())


def test_the_page_of_saved_questions_names_every_one() -> None:
    page = (ROOT / "sql" / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"^### (\w+)$", page, re.M)) == list(catalogue.load())


def test_the_readme_names_every_source() -> None:
    assert first_column(README, "source") == list(NAMES)


def test_there_are_samples_of_every_source_where_the_readme_says() -> None:
    (example,) = re.findall(r"`tailrace (parse \S+ tests/lines/\S+)`", README)
    command, source, path = example.split()
    ran = call(command, source, ROOT / path)
    assert ran.code == 0
    assert "accepted=2 rejected=0" in ran.err
    lines = ROOT / "tests" / "lines"
    for name in NAMES:
        assert any(path.suffix != ".md" for path in (lines / name).rglob("*.*")), name


def test_every_option_that_the_readme_names_exists() -> None:
    known = {
        option
        for command in (*get_command(app).commands.values(), get_command(app))  # type: ignore[attr-defined]
        for parameter in command.params
        for option in parameter.opts
    } | {"--help"}
    ours = re.sub(r"`aws [^`]*`|^ {4}curl .*", "", README, flags=re.M)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", ours)) <= known


def test_every_message_that_the_readme_explains_is_said() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "pipeline").rglob("*.py"))
    messages = first_column(section(README, "When something is said"), "message")
    assert messages
    parts = [part.strip() for text in messages for part in text.split("...") if part.strip()]
    assert [part for part in parts if part not in code] == []


def test_every_message_that_the_page_for_localstack_explains_is_said() -> None:
    code = "".join(
        path.read_text("utf-8")
        for folder in ("pipeline", "infra")
        for path in (ROOT / folder).rglob("*.py")
    )
    messages = first_column(section(LOCALSTACK, "Which address is asked"), "message")
    assert messages
    # A value stands where the code has its name.
    general = {"that is ministack": "that is {", "port 4566 is taken": "port {port} is taken"}
    assert [text for text in messages if general.get(text, text) not in code] == []


def test_what_is_logged_to_an_emulator_is_what_the_shell_makes_of_the_page() -> None:
    words = re.search(r"--log-events \\\n +(.*)", LOCALSTACK)
    assert words
    script = f"printf %s {words[1]}"
    ran = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    (event,) = json.loads(ran.stdout)
    assert json.loads(event["message"]) == {"level": "ERROR", "message": "no such order"}
    assert event["timestamp"] % 1000 == 0


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_linked_to_is_there(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)", PAGES[page])
    local = [link for link in links if "://" not in link]
    folder = (ROOT / page).parent
    assert [link for link in local if not (folder / link).is_file()] == []


def test_every_alarm_of_the_stack_has_its_row_and_no_other() -> None:
    names = re.findall(r'AlarmName: .*?"tailrace-\$\{Stage\}-(.*?)"', "".join(TEMPLATES.values()))
    alarms = {re.sub(r"^[a-z_0-9]+-(late|refused)$", r"TABLE-\1", name) for name in names}
    alarms = {re.sub(r"^subscription-\d+$", "subscription-N", name) for name in alarms}
    rows = section(AWS, "Alarms").partition("| alarm |")[2]
    column = " ".join(row.split("|")[1] for row in rows.splitlines()[2:] if row.count("|") > 1)
    assert set(re.findall(r"`([^`]+)`", column)) == alarms


@pytest.mark.parametrize("page", ["README.md", "docs/aws.md"])
def test_every_parameter_that_is_named_is_one_of_the_stack(page: str) -> None:
    declared = TEMPLATES["template.yaml"].partition("\nParameters:\n")[2].partition("\nRules:")[0]
    known = set(re.findall(r"^  (\w+):$", declared, re.M))
    assert set(re.findall(r"(?<=[\"'`])([A-Z]+[a-z]\w+)=", PAGES[page])) <= known


def test_the_page_for_localstack_has_the_table_of_capabilities() -> None:
    table = LOCALSTACK.partition("| capability |")
    found = (table[1] + table[2]).partition("\n\n")[0]
    assert found == capabilities.page(), "python -m tests.e2e.capabilities prints it"


def test_the_first_command_of_the_readme_shows_something_working() -> None:
    commands = re.findall(r"^ {4}(\S.*)", README, re.M)
    assert [command.split("  ")[0] for command in commands[:2]] == ["make demo", "make test"]


def test_the_readme_says_how_a_bare_name_is_found_before_it_writes_one() -> None:
    found = README.partition("`. .venv/bin/activate`")
    assert found[1]
    assert not re.search(r"`tailrace |^ {4}tailrace ", found[0], re.M)


def test_every_room_has_its_line_in_the_house_and_no_other() -> None:
    rows = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|", section(CONTRIBUTING, "The shape of the house"), re.M
    )
    named = [room for row in rows for room in re.findall(r"`(\w+)`", row)]
    rooms = {
        path.stem
        for path in (ROOT / "pipeline").iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or any(path.glob("*.py")))
    }
    assert set(named) == rooms
