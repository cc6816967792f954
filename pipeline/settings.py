"""Settings, declared once: flags > environment > tailrace.toml > defaults; unknown keys are errors.

The only file that reads the environment. `TAILRACE_HOME` is the home folder; a limit is set by
`TAILRACE_LIMITS_<NAME>`, everything else in the file (see tailrace.example.toml).
"""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pipeline.errors import UsageError

CONFIG_NAME = "tailrace.toml"
PREFIX = "TAILRACE_"
SECTIONS = ("formats", "networks", "limits", "athena")

# More than anybody means, and small enough that sums and waits made of them stay what they are.
Bytes = Meta(ge=1, le=1 << 40)
Count = Meta(ge=1, le=1_000_000)
Seconds = Meta(ge=1, le=86_400)
Hours = Meta(ge=1, le=87_600)

WHOLE = re.compile(r"-?[0-9]+")
# How msgspec ends its errors; a key that is quoted in TOML has no place of its own there.
PLACE = re.compile(r" - at `\$\.([a-z_.]+)`\Z")
SHOWN = 100
LONGEST = 20


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Caps on what an input may cost. Sizes in bytes unless the name says otherwise."""

    record_bytes: Annotated[
        int, Bytes, Meta(description="What one stream record may inflate to.")
    ] = 64 << 20
    inflate_ratio: Annotated[
        int, Count, Meta(description="Inflated size against compressed size, at most.")
    ] = 200
    ratio_from_bytes: Annotated[
        int, Bytes, Meta(description="Inflated size from which the ratio counts.")
    ] = 4 << 20
    line_bytes: Annotated[int, Bytes, Meta(description="The longest line that is read.")] = 1 << 20
    body_bytes: Annotated[
        int, Bytes, Meta(description="An HTTP body, as sent and as inflated.")
    ] = 64 << 20
    kept_file_bytes: Annotated[
        int,
        Bytes,
        Meta(description="Unreadable files up to this size are copied to the quarantine."),
    ] = 64 << 20
    slice_bytes: Annotated[
        int, Bytes, Meta(description="Size of the records that a file is cut into.")
    ] = 16 << 20
    batch_bytes: Annotated[
        int, Bytes, Meta(description="Stored size of the records that are processed at once.")
    ] = 4 << 20
    batch_text_bytes: Annotated[
        int, Bytes, Meta(description="Text of some records that is parsed at once.")
    ] = 256 << 20
    batch_records: Annotated[
        int, Count, Meta(description="Records that are processed at once.")
    ] = 2_000
    shards: Annotated[
        int,
        Meta(ge=1, le=256, description="Shards of the stream, from the next start on."),
    ] = 4
    flush_seconds: Annotated[
        int, Seconds, Meta(description="Seconds after which a server lands what waits.")
    ] = 1
    flush_bytes: Annotated[
        int, Bytes, Meta(description="Stored size that a server lands without waiting.")
    ] = 4 << 20
    compact_seconds: Annotated[
        int, Seconds, Meta(description="Seconds after which a server compacts what has landed.")
    ] = 300
    attempts: Annotated[
        int, Count, Meta(description="Attempts at a record that cannot be processed.")
    ] = 5
    age_hours: Annotated[
        int, Hours, Meta(description="Age from which such a record is tried only once.")
    ] = 6
    fatal_attempts: Annotated[
        int, Count, Meta(description="Ends of the process at one record, which then gives way.")
    ] = 5
    retention_hours: Annotated[
        int, Hours, Meta(description="Hours for which consumed records stay in the log.")
    ] = 24
    retention_bytes: Annotated[
        int, Bytes, Meta(description="Size of the log from which they go earlier.")
    ] = 8 << 30
    sink_patience_s: Annotated[
        int, Seconds, Meta(description="Seconds that `ingest` waits for a failing sink.")
    ] = 30


class Networks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Named networks of the user."""

    file: Annotated[
        str, Meta(description="CSV file with the columns cidr,name,az_id,vpc_id,region.")
    ] = ""


class Athena(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The deployed stack's side of a query; {stage} is filled in."""

    stage: Annotated[str, Meta(description="The stack that is asked when --stage names none.")] = ""
    workgroup: Annotated[str, Meta(description="Athena's workgroup.")] = "tailrace-{stage}"
    database: Annotated[str, Meta(description="Its database in Glue.")] = "tailrace_{stage}"
    reuse_minutes: Annotated[
        int,
        Meta(ge=0, le=10_080, description="Age up to which an earlier answer is given again."),
    ] = 60


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set; `origins` tells where each value came from."""

    home: Annotated[str, Meta(description="Folder that holds the state.")] = ".tailrace"
    formats: Annotated[
        dict[str, str | list[str]],
        Meta(description="Declared flow log formats by log group, or by group:stream."),
    ] = msgspec.field(default_factory=dict)
    networks: Annotated[Networks, Meta(description="Named networks.")] = Networks()
    limits: Annotated[Limits, Meta(description="Caps on inputs.")] = Limits()
    athena: Annotated[Athena, Meta(description="Queries of a deployed stack.")] = Athena()
    own_log_groups: Annotated[
        list[str],
        Meta(description="Log groups of the pipeline itself (prefixes): dropped and counted."),
    ] = msgspec.field(default_factory=lambda: ["/aws/lambda/tailrace-"])
    origins: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def home_path(self) -> Path:
        """The home folder; never one that begins with ~, which engines take for somebody's own."""
        home = Path(self.home)
        return home.absolute() if str(home).startswith("~") else home

    def declared_formats(self) -> dict[str, tuple[str, ...]]:
        """Candidate formats by log group (or group:stream), as declared."""
        return {
            name: (given,) if isinstance(given, str) else tuple(given)
            for name, given in self.formats.items()
        }


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
        return msgspec.convert({**values, "origins": origins}, Settings)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _wrong(str(error), values, origins, path) from error


def _wrong(why: str, values: dict[str, Any], origins: dict[str, str], path: Path) -> UsageError:
    """The error of a value that does not fit its declaration, with the value and its origin."""
    place = PLACE.search(why)
    if place is None:
        return UsageError(f"a setting is wrong: {why}", f"in {path}", "see tailrace.example.toml")
    name, value = place[1], values
    for part in name.split("."):
        value = value.get(part, {}) if isinstance(value, dict) else value
    what = f"{why[: place.start()][:1].lower()}{why[1 : place.start()]}"
    origin = origins.get(name, str(path))
    where = f"in the environment: {origin}" if origin.startswith(PREFIX) else f"in {path}"
    return UsageError(
        f"a setting is wrong: {name} = {repr(value)[:SHOWN]}, {what}",
        where,
        "see tailrace.example.toml",
    )


def described() -> list[tuple[str, str, Any]]:
    """(dotted name, what it does, default) of every setting, in order."""
    found: list[tuple[str, str, Any]] = []
    defaults = Settings()
    for name, doc in _declared(Settings):
        if name == "origins":
            continue
        value = getattr(defaults, name)
        if isinstance(value, msgspec.Struct):
            found += [(f"{name}.{n}", d, getattr(value, n)) for n, d in _declared(type(value))]
        else:
            found.append((name, doc, value))
    return found


def _declared(struct: type[msgspec.Struct]) -> list[tuple[str, str]]:
    return [(field.name, _doc(_metas(field.type))) for field in msgspec.structs.fields(struct)]


def _doc(metas: list[Meta]) -> str:
    doc = next((each.description for each in metas if each.description), "")
    most = next((each.le for each in metas if each.le is not None), None)
    return doc if most is None else f"{doc} At most {most:_}."


def _metas(hint: Any) -> list[Meta]:
    return [part for part in getattr(hint, "__metadata__", ()) if isinstance(part, Meta)]


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
    limits = {field.name for field in msgspec.structs.fields(Limits)}
    if name == "home":
        if not text:
            return
        values["home"] = text
        origins["home"] = variable
        return
    limit = name.removeprefix("limits_")
    if not name.startswith("limits_") or limit not in limits:
        known = [f"{PREFIX}HOME", *(f"{PREFIX}LIMITS_{each.upper()}" for each in sorted(limits))]
        near = get_close_matches(variable, known, 1)
        hint = f"did you mean {near[0]}?" if near else "it must be unset"
        raise UsageError(f"unknown setting {variable}", "in the environment", hint)
    # int() takes more: 1_000, other digits, spaces around them.
    if not WHOLE.fullmatch(text) or len(text) > LONGEST:
        raise UsageError(
            f"{variable} is not a whole number: {repr(text)[:SHOWN]}",
            "in the environment",
            "write it in plain digits",
        )
    values.setdefault("limits", {})[limit] = int(text)
    origins[f"limits.{limit}"] = variable


def _flat(values: dict[str, Any]) -> list[str]:
    names: list[str] = []
    for name, value in values.items():
        nested = name in SECTIONS and name != "formats"
        names += [f"{name}.{key}" for key in value] if nested else [name]
    return names
