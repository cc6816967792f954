"""python -m pipeline.derive [--check]: write the generated files, or fail when one has drifted."""

import sys
from pathlib import Path

from pipeline.derive import (
    backfill,
    catalog,
    columns,
    compaction,
    delivery,
    dictionary,
    erasure,
    example,
    functions,
    grafana,
    named_queries,
    questions,
    subscriptions,
    translations,
    views,
)

ROOT = Path(__file__).resolve().parents[2]


def generated() -> dict[Path, str]:
    """Content of every generated file, by its path."""
    return {
        ROOT / "sql" / "TABLES.md": dictionary.page(),
        ROOT / "sql" / "FUNCTIONS.md": functions.page(),
        ROOT / "sql" / "README.md": questions.page(),
        ROOT / "sql" / "columns.json": columns.page(),
        ROOT / "sql" / "translated.json": translations.page(),
        ROOT / "tailrace.example.toml": example.page(),
        ROOT / "docs" / "grafana.json": grafana.page(),
        ROOT / "infra" / "subscriptions.yaml": subscriptions.page(),
        ROOT / "infra" / "delivery.yaml": delivery.page(),
        ROOT / "infra" / "catalog.yaml": catalog.page(),
        ROOT / "infra" / "compaction.yaml": compaction.page(),
        ROOT / "infra" / "backfill.yaml": backfill.page(),
        ROOT / "infra" / "erasure.yaml": erasure.page(),
        ROOT / "infra" / "queries.yaml": named_queries.page(),
        ROOT / "infra" / "views.yaml": views.page(),
    }


def main() -> None:
    """Write, or with --check compare, every generated file."""
    drifted = []
    for path, text in generated().items():
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            drifted.append(path.relative_to(ROOT).as_posix())
    if drifted:
        sys.exit(f"out of date: {', '.join(drifted)}; run python -m pipeline.derive")


if __name__ == "__main__":
    main()
