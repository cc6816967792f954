"""The functions that SQL may call, as a page."""

from pipeline.queries.dialect.functions import DIFFERENCES, GROUPS, REASONS, TYPES

_HEAD = """# Functions

Made from the declarations by `python -m pipeline.derive`; do not edit.

SQL is Athena's (Trino's). What is listed here gives the same answer on DuckDB, but for what is said
below; each was compared with a real Trino. Anything else is refused by name, before it runs.
"""
_REFUSED = """
## Refused

| function | instead |
|---|---|
"""


def page() -> str:
    """sql/FUNCTIONS.md."""
    parts = [_HEAD, DIFFERENCES]
    for title, names in GROUPS.items():
        parts.append(f"\n## {title}\n\n{_listed(sorted(names.split()))}\n")
    parts.append(f"\n## Types with a length or parts\n\n{_listed(sorted(TYPES))}\n")
    parts.append(_REFUSED)
    parts += [f"| `{name}` | {told} |\n" for name, told in sorted(REASONS.items())]
    return "".join(parts)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
