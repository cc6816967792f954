"""What the demo's company has declared: as it is read with, and as settings beside its data.

<home>/demo/tailrace.toml  for --config: other commands then read the home as the demo did
<home>/demo/networks.csv   its networks
"""

import csv
import io
from pathlib import Path
from typing import Any

import msgspec

from pipeline.deliver.files import write_whole
from pipeline.demo.generator import FLOW_FORMAT, LOG_GROUPS, NETWORKS
from pipeline.enrich.networks import COLUMNS, Network
from pipeline.settings import Settings, described
from pipeline.settings.reading import CONFIG_NAME

CSV_NAME = "networks.csv"
# What of the settings in force has a say in what lines become, or in what is answered.
TAKEN_OVER = ("own_log_groups", "limits", "prices")
HEAD = "# Made by tailrace demo at each start: what its home is read with.\n"

DECLARED_NETWORKS = tuple(Network(*row) for row in NETWORKS)
DECLARED_FORMATS = {
    group: (FLOW_FORMAT,) for group, source in LOG_GROUPS.items() if source == "vpc-flow"
}


def write_settings(folder: Path, settings: Settings) -> None:
    """Write both files; what the demo's own settings changed is in them, too.

    Raises DeliveryError when the disk does not take them.
    """
    for name, text in ((CSV_NAME, _networks()), (CONFIG_NAME, _config(settings))):
        write_whole(folder / name, lambda path, text=text: path.write_text(text, "utf-8"))  # type: ignore[misc]


def _networks() -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *NETWORKS])
    return text.getvalue()


def _config(settings: Settings) -> str:
    """The settings file."""
    lines, table = [HEAD], ""
    # Keys of no table stand before all tables.
    for name, _, default in sorted(described(), key=lambda each: "." in each[0]):
        section, _, key = name.rpartition(".")
        value = _value(settings, name)
        if name.partition(".")[0] not in TAKEN_OVER or value == default:
            continue
        lines.append(f"\n[{section}]\n" if section != table else "")
        lines.append(f"{key} = {_toml(value)}\n")
        table = section
    lines.append(f"\n[networks]\nfile = {_toml(CSV_NAME)}\n\n[formats]\n")
    lines += [f"{_toml(group)} = {_toml(each)}\n" for group, each in DECLARED_FORMATS.items()]
    return "".join(lines)


def _value(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _toml(value: Any) -> str:
    # JSON's strings are TOML's, but for this one character.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
