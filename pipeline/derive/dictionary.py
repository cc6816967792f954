"""The data dictionary: every table and column, as a page."""

from pipeline.lake.tables import all_views, columns

_HEAD = """# Tables

Made from the declarations by `python -m pipeline.derive`; do not edit.

A query names a table; that is a view which holds each event once, by (`event_time`, `record_id`).
`<table>_landing` is what landed since the last compaction, repeats and all. Times are UTC without
zone, to the millisecond.
"""


def page() -> str:
    """sql/TABLES.md."""
    parts = [_HEAD]
    for table in all_views().values():
        parts.append(
            f"\n## {table.name}\n\n{table.doc}\n\n| column | type | meaning |\n|---|---|---|\n"
        )
        parts += [
            f"| `{f.name}` | {f.type.sql} | {f.doc}{f' ({f.unit})' if f.unit else ''} |\n"
            for f in columns(table)
        ]
    return "".join(parts).replace("<= 1 KiB", "at most 1 KiB")
