"""The page of a saved query: what it takes, what it answers, and its SQL."""

from pipeline.cli.output import laid_out
from pipeline.cli.streams import width
from pipeline.cli.table import listing
from pipeline.queries import SavedQuery


def page(query: SavedQuery) -> str:
    """What `tailrace query NAME --help` prints."""
    words = [
        f"-p {each.name}={'VALUE' if each.default is None else each.default}"
        for each in query.params
    ]
    call = " ".join(["tailrace query", query.name, f"--since {query.since}", *words])
    back = f"; it also reads the {query.lookback} before" if query.lookback else ""
    parts = [
        f"{query.name}: {query.description}",
        f"{call}\n\nwithout --since or --from it reads the last {query.since}{back}",
        f"needs {query.needs}" if query.needs else "",
        _parameters(query),
        listing(
            ("column", "type", "unit", "meaning"),
            [(each.name, each.type, each.unit, each.doc) for each in query.columns],
            width(),
        ),
        query.sql.strip(),
    ]
    return laid_out("\n\n".join(part.rstrip("\n") for part in parts if part) + "\n")


def _parameters(query: SavedQuery) -> str:
    if not query.params:
        return ""
    rows = [
        (
            each.name,
            each.type,
            each.default or "",
            f"{each.limits[0]} to {each.limits[1]}" if each.limits else "",
            each.doc,
        )
        for each in query.params
    ]
    return listing(("parameter", "type", "default", "limits", "meaning"), rows, width())
