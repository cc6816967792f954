"""The catalogue of saved queries, as a page."""

from pipeline.queries import Column, Parameter, SavedQuery, load
from pipeline.queries.front_matter import SUBJECTS

_HEAD = """# Saved queries

Made from the declarations by `python -m pipeline.derive`; do not edit.

Each is one file of this folder: SQL in Athena's dialect, the same on DuckDB, described in the
comments above it. `tailrace query NAME` asks it; `--since 15m`, or `--from` and `--to`, set the
window of event time (of arrival, where it reads `batch` or `reject`), `-p KEY=VALUE` a parameter.
Prices are those of `[prices]` in `tailrace.toml`; here stand the defaults. The tables they read:
[TABLES.md](TABLES.md); what SQL of your own may call: [FUNCTIONS.md](FUNCTIONS.md).
"""


def page() -> str:
    """sql/README.md."""
    saved = load().values()
    parts = [_HEAD]
    for subject, title in SUBJECTS.items():
        parts.append(f"\n## {title}\n")
        parts += [_section(query) for query in saved if query.subject == subject]
    return "".join(parts)


def _section(query: SavedQuery) -> str:
    back = f", compared with the {query.lookback} before" if query.lookback else ""
    told = f"{query.title}: {query.description}. By default the last {query.since}{back}."
    if query.needs:
        told += f" It needs {query.needs}."
    return "".join(
        (
            f"\n### {query.name}\n\n{told}\n\n",
            "| parameter | type | default | |\n|---|---|---|---|\n",
            *map(_parameter, query.params),
            "\n| column | type | unit | |\n|---|---|---|---|\n",
            *map(_column, query.columns),
        )
    )


def _parameter(each: Parameter) -> str:
    price = f" (prices.{each.price})" if each.price else ""
    return f"| `{each.name}` | {each.type} | {each.default or ''}{price} | {each.doc} |\n"


def _column(each: Column) -> str:
    return f"| `{each.name}` | {each.type} | {each.unit} | {each.doc} |\n"
