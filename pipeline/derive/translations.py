"""sql/translated.json: what DuckDB is given for each saved query."""

import msgspec

from pipeline.queries import load
from pipeline.queries.dialect.bridge import translate
from pipeline.queries.translated import Translated, digest_of
from pipeline.queries.window import TYPES


def page() -> str:
    """The file."""
    found = {}
    for name, query in load().items():
        types = {**TYPES, **{each.name: each.type for each in query.params}}
        translation = translate(query.sql, types)
        found[name] = Translated(digest_of(query, translation), translation)
    return msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n"
