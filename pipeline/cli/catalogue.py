"""The saved queries as `tailrace query` lists them: by subject, each in a line if there is room."""

import textwrap
from collections.abc import Iterator, Mapping
from itertools import zip_longest

from pipeline.cli.output import laid_out
from pipeline.queries import SavedQuery
from pipeline.queries.front_matter import SUBJECTS
from pipeline.queries.parameters import described

USUAL_WIDTH = 100
INDENT, GAP = "  ", "  "


def catalogue(saved: Mapping[str, SavedQuery], width: int | None) -> str:
    """Name, what it answers and its parameters, under a heading for each subject."""
    names = max(map(len, saved))
    room = (width or USUAL_WIDTH) - len(INDENT) - names - len(GAP)
    parts = []
    for subject, title in SUBJECTS.items():
        own = [query for query in saved.values() if query.subject == subject]
        if not own:
            continue
        answers = max(len(query.description) for query in own)
        parts += [title]
        for query in own:
            told = zip_longest([query.name], _told(query, answers, room), fillvalue="")
            parts += [f"{INDENT}{name:<{names}}{GAP}{text}" for name, text in told]
        parts += [""]
    return laid_out("\n".join(parts))


def _told(query: SavedQuery, answers: int, room: int) -> Iterator[str]:
    """Description and parameters side by side where both fit, else beneath one another."""
    parameters = described(query.params)
    line = f"{query.description:<{answers}}{GAP}{parameters}"
    if len(line) <= room:
        yield line
        return
    for text in (query.description, parameters):
        yield from textwrap.wrap(text, max(room, 1), break_long_words=False)
