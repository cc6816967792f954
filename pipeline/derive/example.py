"""tailrace.example.toml: every setting with its meaning and default."""

import textwrap
from typing import Any

import msgspec

from pipeline.settings import described

_HEAD = """# Settings of Tailrace: copy what you need to tailrace.toml.
# Flags win over the environment (TAILRACE_HOME, TAILRACE_LIMITS_<NAME>), that over this file.
# Made from the declarations by `python -m pipeline.derive`; do not edit.
"""
_SAMPLES = {
    "formats": """
[formats]
# "/vpc/flow-logs" = "${version} ${account-id} ${srcaddr} ${dstaddr} ${bytes} ${end}"
# "/vpc/flow-logs:eni-0123-all" = ["${version} ${srcaddr} ${end}", "${version} ${dstaddr} ${end}"]
""",
    "sources": """
[sources]
# "/vpc/flow-logs" = "vpc-flow"
# "s3://my-bucket/AWSLogs/*" = "vpc-flow"
""",
    "networks.file": """
[networks]
# file = "networks.csv"
""",
}


def page() -> str:
    """The file."""
    top, sections = [_HEAD], []
    section = ""
    for name, doc, default in described():
        table, _, key = name.rpartition(".")
        comment = "\n".join(textwrap.wrap(doc, 98, initial_indent="# ", subsequent_indent="# "))
        if name in _SAMPLES:
            sections.append(f"\n{comment}{_SAMPLES[name]}")
        elif not table:
            top.append(f"\n{comment}\n# {key} = {_toml(default)}\n")
        else:
            sections.append(f"\n[{table}]\n" if table != section else "")
            sections.append(f"{comment}\n# {key} = {_toml(default)}\n")
            section = table
    return "".join(top + sections)


def _toml(value: Any) -> str:
    return f"{value:_}" if isinstance(value, int) else msgspec.json.encode(value).decode()
