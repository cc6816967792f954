"""Parameters of a stage, looked at before anything is built: by the template, and by the function.

What CloudFormation would refuse after minutes is refused at once, and what it would take and the
function then refuse at every call, too.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from infra.deploy.kept import read_template
from infra.deploy.stages import Stage
from pipeline.errors import UsageError
from pipeline.invoke import Routes
from pipeline.settings import Settings, of_function

SHOWN = 200
LISTED = "CommaDelimitedList"
# Where the template cuts what is given open, to join it to what it has itself.
BRACE = '{"'
VARIABLES = {"Sources": "TAILRACE_SOURCES", "Formats": "TAILRACE_FORMATS"}


def parameters(stage: Stage, template: Path) -> dict[str, str]:
    """All that a deployment sets: the template's defaults, and over them what the stage says.

    Raises UsageError for one that the template would refuse.
    """
    declared = read_template(template.read_text("utf-8"))["Parameters"]
    for name, value in stage.overrides.items():
        if name not in declared:
            near = get_close_matches(name, declared, 1)
            hint = f"did you mean {near[0]}?" if near else f"{template.name} lists them"
            raise UsageError(f"there is no parameter {name}", stage.where, hint)
        _hold(name, value, declared[name], stage)
    if stage.overrides.get("Stage", stage.name) != stage.name:
        what = f"Stage={stage.overrides['Stage']} is another stage"
        raise UsageError(what, stage.where, f"write Stage={stage.name}")
    defaults = {name: str(spec["Default"]) for name, spec in declared.items() if "Default" in spec}
    return {"Stage": stage.name, **defaults, **stage.overrides}


def notes(stage: Stage, values: Mapping[str, str], before: Mapping[str, str]) -> Iterator[str]:
    """What to note about parameters: what becomes of those of the stack as it is, and of formats.

    Raises UsageError where the function would refuse them.
    """
    yield from _of_formats(routes(stage, values))
    for name, value in values.items():
        if (was := before.get(name, value)) != value:
            said = "" if name in stage.overrides else ", as samconfig.toml does not name it"
            now = value[:SHOWN] or "empty"
            yield f"{name} was {was[:SHOWN] or 'empty'}, and becomes {now}{said}"
    if values["LogRoute"] != "s3" and not values["FlowLogVpcId"] and not values["LogGroups"]:
        yield f"nothing will come in: set FlowLogVpcId or LogGroups, {stage.where}"


def routes(stage: Stage, values: Mapping[str, str]) -> Routes:
    """Sources and formats as the function of a stage will have them.

    Raises UsageError as the function would.
    """
    own = f"/vpc-flow/{stage.stack}"
    sources, formats = {own: "vpc-flow"}, {own: values["FlowLogFormat"]}
    # By itself, so that it is named where it is wrong.
    places = {"formats": _place("FlowLogFormat", stage)}
    Routes.of(Settings(sources=sources, formats=dict(formats), origins=places))
    places = {"sources": _place("Sources", stage), "formats": _place("Formats", stage)}
    sources |= _settings("Sources", values, stage).sources
    more = _settings("Formats", values, stage).formats
    return Routes.of(Settings(sources=sources, formats={**formats, **more}, origins=places))


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


def _hold(name: str, value: str, spec: Mapping[str, Any], stage: Stage) -> None:
    """Raise UsageError for a value that its declaration in the template does not allow."""
    wants = spec.get("ConstraintDescription") or spec.get("Description", "")
    for part in value.split(",") if spec["Type"] == LISTED else [value]:
        pattern, one_of = spec.get("AllowedPattern"), spec.get("AllowedValues")
        if one_of is not None and part not in map(str, one_of):
            wants = f"one of {', '.join(map(str, one_of))}"
        elif pattern is None or re.fullmatch(pattern, part):
            continue
        what = f"{name} cannot be {part[:SHOWN]!r}"
        raise UsageError(what, stage.where, f"{name}: {' '.join(wants.split())}")


def _of_formats(found: Routes) -> Iterator[str]:
    for name, texts in found.formats.exact.items():
        for source in found.read_by(name):
            said = (source.note_of(text) for text in texts)
            yield from (f"the format of {name}: {each}" for each in said if each)
