"""Values of parameters, held to their declarations, and to what AWS says beside them.

Sources: AWS CloudFormation User Guide, "Parameters", "Understand CloudFormation quotas"; AWS Lambda
Developer Guide, "Lambda quotas".
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from infra.deploy.stages import Stage
from pipeline.errors import UsageError

SHOWN = 200
LISTED, NUMBER = "CommaDelimitedList", "Number"
# CloudFormation would take 1.5 and 00, and what they are handed to then refuses or misreads them.
WHOLE = re.compile("0|[1-9][0-9]{0,17}")
MOST = 2**31 - 1
VALUE_BYTES = 4_096
# The template's places for them: conditions cannot count a list.
MOST_GROUPS = 10
# Of the variables as Lambda measures them, as JSON.
ENVIRONMENT_BYTES = 4_096
# All of it but these parameters, with the longest names that there can be (held to it by a test).
BESIDES_BYTES = 880
IN_ENVIRONMENT = ("Sources", "Formats", "FlowLogFormat")
BY_FILES = "s3"


def hold(name: str, value: str, spec: Mapping[str, Any], stage: Stage) -> None:
    """Raise UsageError for a value that its declaration in the template does not allow."""
    wants = spec.get("ConstraintDescription") or spec.get("Description", "")
    for part in parts(value) if spec["Type"] == LISTED else [value]:
        for wrong in _wrong(part, spec):
            said = f"{name}: {wrong or ' '.join(wants.split())}"
            raise UsageError(f"{name} cannot be {part[:SHOWN]!r}", stage.where, said)
    if (size := len(value.encode())) > VALUE_BYTES:
        fix = f"CloudFormation takes {VALUE_BYTES:,} for a parameter: make it shorter"
        raise UsageError(f"{name} has {size:,} bytes", stage.where, fix)


def hold_together(values: Mapping[str, str], stage: Stage) -> None:
    """Raise UsageError for values that pass one by one, and cannot be together."""
    _hold_groups([each for each in parts(values["LogGroups"]) if each], values["LogRoute"], stage)
    _hold_day(values["LandingSince"], stage)
    if (size := environment_bytes(values)) > ENVIRONMENT_BYTES:
        what = f"{', '.join(IN_ENVIRONMENT)} make an environment of {size:,} bytes"
        fix = (
            f"Lambda takes {ENVIRONMENT_BYTES:,} for a function: end names of objects in *, say"
            " fewer or shorter formats, or make a stage of its own for some of the logs"
        )
        raise UsageError(what, stage.where, fix)


def parts(value: str) -> list[str]:
    """Members of a list, without the blanks around them, as CloudFormation has them."""
    return [each.strip() for each in value.split(",")]


def environment_bytes(values: Mapping[str, str]) -> int:
    """What the function's environment has, at most."""
    texts = (json.dumps(values[each], ensure_ascii=False) for each in IN_ENVIRONMENT)
    return BESIDES_BYTES + sum(len(text.encode()) for text in texts)


def _wrong(value: str, spec: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a value, in words where its description does not say it."""
    pattern, one_of = spec.get("AllowedPattern"), spec.get("AllowedValues")
    if one_of is not None:
        if value not in map(str, one_of):
            yield f"one of {', '.join(map(str, one_of))}"
    elif spec["Type"] == NUMBER:
        least, most = int(spec.get("MinValue", 0)), int(spec.get("MaxValue", MOST))
        if not WHOLE.fullmatch(value) or not least <= int(value) <= most:
            yield f"a whole number from {least} to {most}"
    elif pattern is not None and not re.fullmatch(pattern, value):
        yield ""


def _hold_groups(groups: list[str], route: str, stage: Stage) -> None:
    if groups and route == BY_FILES:
        what = f"LogGroups cannot be {','.join(groups)[:SHOWN]!r} where LogRoute is {route}"
        fix = "log groups are subscribed to by LogRoute kinesis or lambda: make a stage for them"
        raise UsageError(what, stage.where, fix)
    twice = [each for each in dict.fromkeys(groups) if groups.count(each) > 1]
    if twice:
        raise UsageError(f"LogGroups has {twice[0]} twice", stage.where, "leave one of them")
    if len(groups) > MOST_GROUPS:
        what = f"LogGroups has {len(groups)} log groups, and at most {MOST_GROUPS} have a place"
        raise UsageError(what, stage.where, "make a stage of its own for some of them")


def _hold_day(text: str, stage: Stage) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        what = f"LandingSince cannot be {text!r}: {error}"
        raise UsageError(what, stage.where, "a day as in 2026-11-01") from error
