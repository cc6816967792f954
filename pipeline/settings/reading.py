"""Settings, declared once: flags > environment > tailrace.toml > defaults; unknown keys are errors.

The only file that reads the environment. `TAILRACE_HOME` is the home folder, `TAILRACE_TARGET` AWS
or the emulator in its place; a limit is set by `TAILRACE_LIMITS_<NAME>`. A deployed function has
no file: there `TAILRACE_DELIVERY_<NAME>` says where it delivers to, `TAILRACE_NETWORKS_FILE` which
networks it knows, `TAILRACE_LOOKUPS_<NAME>` where outside data is; `TAILRACE_SOURCES`,
`TAILRACE_FORMATS` and `TAILRACE_OWN_LOG_GROUPS` are JSON.
Everything else stands in the file (see tailrace.example.toml).
"""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from pipeline.errors import UsageError
from pipeline.settings.declared import (
    Counting,
    Delivery,
    Limits,
    Lookups,
    Networks,
    Settings,
    Stack,
)

CONFIG_NAME = "tailrace.toml"
PREFIX = "TAILRACE_"
ENDPOINT = "AWS_ENDPOINT_URL"
SECTIONS = (
    "formats",
    "networks",
    "limits",
    "sources",
    "delivery",
    "lookups",
    "counters",
    "stack",
    "athena",
    "prices",
)
BY_NAME = ("formats", "sources")  # sections whose keys are names of the user
AS_JSON = ("formats", "own_log_groups", "sources")

WHOLE = re.compile(r"-?[0-9]+")
# How msgspec ends its errors; what lies within lists and tables of the user's names has no place
# of its own there: `$.sources[...]`.
PLACE = re.compile(r" - at `\$\.([a-z_.]+)[^`]*`\Z")
SHOWN = 100
LONGEST = 20
# What msgspec 0.22 knows of a type it makes at its first use, and dies where two threads do so.
_CONVERTING = Lock()
OF_A_STACK = "correct it; in a stack it is made of the template's parameters"


def load(
    config: Path | None = None,
    home: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings in force.

    `config`: a file that must exist; None looks for tailrace.toml in the current folder.
    Raises UsageError for an unknown key, a wrong type or an unreadable file.
    """
    environ = os.environ if environ is None else environ
    path = config or Path(CONFIG_NAME)
    values = _read_toml(path) if config or os.path.lexists(path) else {}
    origins = {name: str(path) for name in _flat(values)}
    networks = values.get("networks", {}).get("file")
    if networks and isinstance(networks, str):
        # A path in the file is meant from the file, wherever the command is run.
        values["networks"]["file"] = str(path.parent / networks)
    for variable, text in sorted(environ.items()):
        if variable.startswith(PREFIX):
            _put_variable(values, origins, variable, text)
    if home is not None:
        values["home"] = str(home)
        origins["home"] = "--home"
    try:
        return _converted({**values, "origins": origins})
    except (msgspec.ValidationError, RecursionError) as error:
        raise _wrong(str(error), values, origins, path) from error


def has_display(platform: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether there is a screen that a browser could open on; `platform` as `sys.platform` says."""
    environ = os.environ if environ is None else environ
    if platform in ("darwin", "win32"):
        return not environ.get("SSH_CONNECTION")
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def of_function(environ: Mapping[str, str]) -> Settings:
    """The settings that a deployed function has, given its environment; no file has a say in them.

    Raises UsageError as `load` does.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for variable, text in sorted(environ.items()):
        if variable.startswith(PREFIX):
            _put_variable(values, origins, variable, text)
    try:
        return _converted({**values, "origins": origins})
    except (msgspec.ValidationError, RecursionError) as error:
        raise _wrong(str(error), values, origins, Path("the function's environment")) from error


def _converted(values: dict[str, Any]) -> Settings:
    with _CONVERTING:
        return msgspec.convert(values, Settings)


def _wrong(why: str, values: dict[str, Any], origins: dict[str, str], path: Path) -> UsageError:
    """The error of a value that does not fit its declaration, with the value and its origin."""
    place = PLACE.search(why)
    if place is None:
        return UsageError(f"a setting is wrong: {why}", f"in {path}", "see tailrace.example.toml")
    name, value = place[1], values
    for part in name.split("."):
        value = value.get(part, {}) if isinstance(value, dict) else value
    what = f"{why[: place.start()][:1].lower()}{why[1 : place.start()]}"
    said = f"a setting is wrong: {name} = {repr(_misfit(name, value))[:SHOWN]}, {what}"
    origin = origins.get(name, str(path))
    if origin in map(_variable, AS_JSON):
        return UsageError(said, f"in the environment: {origin}", OF_A_STACK)
    where = f"in the environment: {origin}" if origin.startswith(PREFIX) else f"in {path}"
    return UsageError(said, where, "see tailrace.example.toml")


def _misfit(name: str, value: Any) -> Any:
    """Of many values by the user's names, the first that is none; else all of it."""
    if name not in BY_NAME or not isinstance(value, dict):
        return value
    for key, each in value.items():
        try:
            msgspec.convert({name: {key: each}}, Settings)
        except msgspec.ValidationError:
            return {key: each}
    return value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        # Nobody may ever write to a pipe, and a device may have no end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UsageError(
                "the settings file is no regular file", f"in {path}", "name a file, or leave it out"
            )
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"the settings file cannot be read: {error}", f"in {path}", "mend it or leave it out"
        ) from error
    known = [field.name for field in msgspec.structs.fields(Settings) if field.name != "origins"]
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise UsageError(f"unknown setting {key}", f"in {path}", hint)
    for key in SECTIONS:
        if not isinstance(values.get(key, {}), dict):
            raise UsageError(
                f"a setting is wrong: {key} is a table", f"in {path}", f"write it as [{key}]"
            )
    return values


def _put_variable(
    values: dict[str, Any], origins: dict[str, str], variable: str, text: str
) -> None:
    name = variable.removeprefix(PREFIX).lower()
    section, _, key = name.partition("_")
    if name in ("home", "target"):
        if not text:
            return
        values[name] = text
    elif name in AS_JSON:
        values[name] = _json(variable, text)
    elif section in IN_SECTIONS and key in IN_SECTIONS[section]:
        table = values.setdefault(section, {})
        table[key] = _whole(variable, text) if section == "limits" else text
        name = f"{section}.{key}"
    else:
        known = [f"{PREFIX}{each}" for each in _variables()]
        near = get_close_matches(variable, known, 1)
        hint = f"did you mean {near[0]}?" if near else "it must be unset"
        raise UsageError(f"unknown setting {variable}", "in the environment", hint)
    origins[name] = variable


IN_SECTIONS = {
    section: {field.name for field in msgspec.structs.fields(struct)}
    for section, struct in (
        ("limits", Limits),
        ("networks", Networks),
        ("delivery", Delivery),
        ("lookups", Lookups),
        ("counters", Counting),
        ("stack", Stack),
    )
}


def _variables() -> list[str]:
    of_sections = [f"{s}_{key}" for s, keys in IN_SECTIONS.items() for key in sorted(keys)]
    return [each.upper() for each in ("home", "target", *AS_JSON, *of_sections)]


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _whole(variable: str, text: str) -> int:
    # int() takes more: 1_000, other digits, spaces around them.
    if not WHOLE.fullmatch(text) or len(text) > LONGEST:
        raise UsageError(
            f"{variable} is not a whole number: {repr(text)[:SHOWN]}",
            "in the environment",
            "write it in plain digits",
        )
    return int(text)


def _json(variable: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UsageError(
            f"{variable} is no JSON: {repr(text)[:SHOWN]}",
            "in the environment",
            f"{error}; in a stack it is made of the template's parameters",
        ) from error


def _flat(values: dict[str, Any]) -> list[str]:
    names: list[str] = []
    for name, value in values.items():
        nested = name in SECTIONS and name not in BY_NAME
        names += [f"{name}.{key}" for key in value] if nested else [name]
    return names


def aws_region(environ: Mapping[str, str] | None = None) -> str | None:
    """What AWS_REGION says; None: whatever AWS's own settings say."""
    return (os.environ if environ is None else environ).get("AWS_REGION") or None


def aws_endpoints(environ: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>, as they are set."""
    environ = os.environ if environ is None else environ
    return {
        name: url
        for name, url in sorted(environ.items())
        if url and (name == ENDPOINT or name.startswith(f"{ENDPOINT}_"))
    }


def aws_profile(environ: Mapping[str, str] | None = None) -> str:
    """The profile that AWS's tools are told to take; "" for none."""
    environ = os.environ if environ is None else environ
    return environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or ""
