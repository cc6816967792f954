"""Translations of the saved queries, made beforehand: to load the translator takes 0.2 s.

`python -m pipeline.derive` writes them to sql/translated.json. A query whose text is no longer what
was translated is translated anew.
"""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec

from pipeline.queries.catalogue import folder
from pipeline.queries.front_matter import SavedQuery

NAME = "translated.json"
DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Translation:
    """A statement for DuckDB, the views it reads and the parameters it binds.

    sql  one clause a line
    """

    sql: str
    views: tuple[str, ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Translated:
    """The translation of a query whose text and parameters have a digest."""

    digest: str
    translation: Translation


def known(query: SavedQuery, path: Path | None = None) -> Translation | None:
    """The translation of a saved query as it is; None where there is none.

    path  of the file; None: beside the saved queries
    """
    try:
        content = (path or folder() / NAME).read_bytes()
    except OSError:
        return None
    found = msgspec.json.decode(content, type=dict[str, Translated]).get(query.name)
    return found.translation if found and found.digest == digest_of(query) else None


def digest_of(query: SavedQuery) -> str:
    """Digest of all that decides a translation beside the translator itself."""
    types = [(each.name, each.type) for each in query.params]
    return blake2b(msgspec.json.encode((query.sql, types)), digest_size=DIGEST_BYTES).hexdigest()
