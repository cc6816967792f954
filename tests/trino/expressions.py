"""Expressions of tests/queries/truth.jsonl on the live server, and on DuckDB."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trino.exceptions import TrinoQueryError

from pipeline.errors import QueryFailed
from pipeline.queries import run
from tests.queries import truth
from tests.trino.encoding import of_trino
from tests.trino.server import Trino

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Expression = dict[str, Any]


def measured(trino: Trino, expression: Expression) -> Expression:
    """What Trino says to it now: `trino_type` and `trino_value`, or `trino_error`."""
    try:
        found = trino.execute(expression["sql"])
    except TrinoQueryError as error:
        return {"trino_error": f"{error.error_name}: {error.message}"}
    return {
        "trino_type": found.types[0] if len(found.types) == 1 else found.types,
        "trino_value": of_trino(found.rows, found.types),
    }


def live(expression: Expression, found: Expression) -> str:
    """How what Trino says now differs from what was recorded; nothing when it does not."""
    recorded = {key: expression[key] for key in expression if key.startswith("trino_")}
    if "trino_error" in recorded or "trino_error" in found:
        # The server's words are its own; that it fails is what is promised.
        agree = "trino_error" in recorded and "trino_error" in found
        return "" if agree else f"Trino says {found}, recorded is {recorded}"
    ordered = truth.is_ordered(expression["sql"])
    if said := truth.same(found["trino_value"], recorded["trino_value"], ordered):
        return f"Trino against what was recorded: {said}"
    if found["trino_type"] != recorded["trino_type"]:
        return f"Trino's type is {found['trino_type']}, recorded is {recorded['trino_type']}"
    return ""


def here(expression: Expression, wanted: Expression, home: Path) -> str:
    """How DuckDB differs from what Trino says; nothing when it does not, or refuses as it must."""
    expect = expression["expect"]
    try:
        rows = truth.of_arrow(run(sql=expression["sql"], home=home, now=NOW).table)
    except QueryFailed as error:
        if expect == "same":
            return f"DuckDB fails: {error.what}"
        return "" if expect == "error" or error.fix else "it is refused without a way around"
    if expect != "same":
        return f"DuckDB answers {rows}, where it must not ({expect})"
    said = truth.same(rows, wanted["trino_value"], truth.is_ordered(expression["sql"]))
    return f"DuckDB against Trino: {said}" if said else ""


def record(found: dict[str, Expression]) -> int:
    """Rewrite what was recorded with what was found, by id; returns how many lines changed."""
    changed, lines = 0, []
    for expression in truth.load():
        new = found.get(expression["id"])
        if new and live(expression, new):
            kept = {key: expression[key] for key in expression if not key.startswith("trino_")}
            expression = {"id": kept.pop("id"), "sql": kept.pop("sql"), **new, **kept}
            changed += 1
        lines.append(json.dumps(expression, ensure_ascii=False))
    truth.PATH.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return changed
