"""Translations of the saved queries, made beforehand: to load the translator takes 0.2 s.

`python -m pipeline.derive` writes them to sql/translated.json. A query whose text is no longer what
was translated, or whose translation is no longer what was written, is translated anew.
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
    """A translation, and the digest of it and of the query that it was made of."""

    digest: str
    translation: Translation


# Made here and not at the first use: msgspec 0.22 dies where two threads have theirs at once.
_entries = msgspec.json.Decoder(dict[str, msgspec.Raw])
_translated = msgspec.json.Decoder(Translated)


def known(query: SavedQuery, path: Path | None = None) -> Translation | None:
    """The translation of a saved query as it is; None where there is none that can be relied on.

    path  of the file; None: beside the saved queries
    """
    try:
        content = (path or folder() / NAME).read_bytes()
        found = _translated.decode(_entries.decode(content)[query.name])
        right = found.digest == digest_of(query, found.translation)
    except (OSError, KeyError, ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return found.translation if right else None


def digest_of(query: SavedQuery, translation: Translation) -> str:
    """Digest of all that decides a translation beside the translator itself, and of what came out.

    A file that was edited or damaged does not reach the engine.
    """
    types = [(each.name, each.type) for each in query.params]
    content = msgspec.json.encode((query.sql, types, translation))
    return blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
