"""Parameters of a stage, looked at before anything is built: by the template, and by the function.

What CloudFormation would refuse after minutes is refused at once, and what it would take and the
function then refuse at every call, too.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from infra.deploy.held import BY_FILES, SHOWN, hold, hold_together, parts
from infra.deploy.kept import read_template
from infra.deploy.stages import Stage
from pipeline.errors import UsageError
from pipeline.invoke import Routes
from pipeline.settings import Settings, of_function

# Where the template cuts what is given open, to join it to what it has itself.
BRACE = '{"'
VARIABLES = {"Sources": "TAILRACE_SOURCES", "Formats": "TAILRACE_FORMATS"}


def parameters(stage: Stage, template: Path) -> dict[str, str]:
    """All that a deployment sets: the template's defaults, and over them what the stage says.

    Raises UsageError for one that the template would refuse, or what a parameter is handed to.
    """
    declared = read_template(template.read_text("utf-8"))["Parameters"]
    hold("Stage", stage.name, declared["Stage"], stage)
    for name, value in stage.overrides.items():
        if name not in declared:
            near = get_close_matches(name, declared, 1)
            hint = f"did you mean {near[0]}?" if near else f"{template.name} lists them"
            raise UsageError(f"there is no parameter {name}", stage.where, hint)
        hold(name, value, declared[name], stage)
    if stage.overrides.get("Stage", stage.name) != stage.name:
        what = f"Stage={stage.overrides['Stage']} is another stage"
        raise UsageError(what, stage.where, f"write Stage={stage.name}")
    defaults = {name: str(spec["Default"]) for name, spec in declared.items() if "Default" in spec}
    values = {"Stage": stage.name, **defaults, **stage.overrides}
    hold_together(values, stage)
    return values


def notes(
    stage: Stage, values: Mapping[str, str], before: Mapping[str, str], inbox: str = ""
) -> Iterator[str]:
    """What to note about parameters: what becomes of those of the stack as it is, and of formats.

    inbox  the bucket that the stack has for files; "" where it has none yet

    Raises UsageError where the function would refuse them.
    """
    yield from _of_formats(routes(stage, values, inbox))
    for name, value in values.items():
        if (was := before.get(name, value)) != value:
            said = "" if name in stage.overrides else ", as samconfig.toml does not name it"
            now = value[:SHOWN] or "empty"
            yield f"{name} was {was[:SHOWN] or 'empty'}, and becomes {now}{said}"
    comes = values["FlowLogVpcId"] or any(parts(values["LogGroups"]))
    if values["LogRoute"] != BY_FILES and not comes:
        yield f"nothing will come in: set FlowLogVpcId or LogGroups, {stage.where}"


def routes(stage: Stage, values: Mapping[str, str], inbox: str = "") -> Routes:
    """Sources and formats as the function of a stage will have them.

    Raises UsageError as the function would.
    """
    by_files = values["LogRoute"] == BY_FILES
    own, files = f"/vpc-flow/{stage.stack}", f"s3://{_bucket(stage, by_files, inbox)}/AWSLogs/*"
    sources, formats = {own: "vpc-flow", files: "vpc-flow"}, {own: values["FlowLogFormat"]}
    # By itself, so that it is named where it is wrong; a line of a file has no time beside it.
    places = {"formats": _place("FlowLogFormat", stage)}
    met = {files if by_files else own: values["FlowLogFormat"]}
    Routes.of(Settings(sources=dict(sources), formats=dict(met), origins=places))
    places = {"sources": _place("Sources", stage), "formats": _place("Formats", stage)}
    more = {name: _settings(name, values, stage) for name in VARIABLES}
    sources |= more["Sources"].sources
    named = more["Formats"].formats
    if by_files and not inbox:
        _hold_to_no_name(named, stage)
    return Routes.of(Settings(sources=sources, formats={**formats, **named}, origins=places))


def _bucket(stage: Stage, by_files: bool, inbox: str) -> str:
    """The name of the inbox as the function will know it, or one that nobody can name."""
    if not by_files:
        return "-"
    return inbox or f"{_beginning(stage)}?"


def _beginning(stage: Stage) -> str:
    """What the name of an inbox begins with, as CloudFormation makes it."""
    return f"{stage.stack}-inboxbucket-"


def _hold_to_no_name(formats: Iterable[str], stage: Stage) -> None:
    """Raise UsageError for a format of an inbox that is not there yet: it will be called otherwise.

    The function would refuse it at every call, for by this name it reads nothing.
    """
    beginning = f"s3://{_beginning(stage)}"
    for name in formats:
        if name.startswith(beginning) and name.removesuffix("*") != beginning:
            what = f"{name} is in no inbox: {stage.stack} has none yet, and its name is not known"
            fix = f"write {beginning}*, which is any; or deploy without it, then add it"
            raise UsageError(what, f"in {_place('Formats', stage)}", fix)


def _settings(name: str, values: Mapping[str, str], stage: Stage) -> Settings:
    """What a parameter says by itself. Raises UsageError where it is no such JSON."""
    text = values[name]
    try:
        found = of_function({VARIABLES[name]: text})
    except UsageError as error:
        raise UsageError(error.what, f"in {_place(name, stage)}", error.fix) from error
    if BRACE in text.removeprefix(BRACE):
        what = f"{BRACE} stands twice in {text[:SHOWN]}"
        fix = "the template cuts it there: no table within it, and no text that ends in {"
        raise UsageError(what, f"in {_place(name, stage)}", fix)
    return found


def _place(name: str, stage: Stage) -> str:
    said = name in stage.overrides
    return f"{name}, {stage.where if said else 'as the template has it'}"


def _of_formats(found: Routes) -> Iterator[str]:
    for name, texts in found.formats.exact.items():
        for source in found.read_by(name):
            said = (source.note_of(text) for text in texts)
            yield from (f"the format of {name}: {each}" for each in said if each)
