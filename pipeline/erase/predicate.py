"""Which rows are a subject's, as SQL of both engines.

Columns are told by the tables' own declarations: one whose domain is the subject's is compared as a
whole, every other text is looked through, so that no column can be forgotten. The patterns are
values to be bound, never part of the SQL.
"""

from dataclasses import dataclass
from enum import Enum

from pipeline.erase.subject import Subject
from pipeline.schema import BATCH, Domain, Field, OneOf, Table, Type

# The ledger as a table: it counts, and holds nothing of an event.
WITHOUT_SUBJECTS = (BATCH.name,)


class Engine(Enum):
    """The words of an engine: a pattern found in text; the texts of an array, one a line."""

    DUCKDB = ("regexp_matches", "array_to_string")
    TRINO = ("regexp_like", "array_join")

    def __init__(self, matches: str, joined: str) -> None:
        self.matches, self.joined = matches, joined


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition that is true of a subject's rows and false of all others, never null.

    values  of its question marks, in their order
    """

    sql: str
    values: tuple[str, ...]


def columns_of(table: Table, subject: Subject) -> tuple[list[Field], list[Field]]:
    """Columns that are compared as a whole, and those that are looked through."""
    whole = [field for field in table if field.domain is subject.kind]
    within = [
        field
        for field in table
        if field.type in (Type.VARCHAR, Type.MAP)
        # A file may say any text of a visitor.
        and field.domain not in (subject.kind, Domain.ADDRESS)
        and not isinstance(field.domain, OneOf)
    ]
    return whole, within


def predicate(table: Table, subject: Subject, engine: Engine) -> Predicate:
    """The condition of a table's rows that are the subject's."""
    whole, within = columns_of(table, subject)
    texts = ", ".join(text for field in within for text in _texts(field, engine))
    # One text a row: the newline between two columns ends a word.
    conditions = [f'{engine.matches}("{field.name}", ?)' for field in whole]
    conditions.append(f"{engine.matches}(concat_ws(chr(10), {texts}), ?)")
    values = *(subject.whole for _ in whole), subject.within
    return Predicate(f"coalesce({' OR '.join(conditions)}, false)", values)


def _texts(field: Field, engine: Engine) -> list[str]:
    if field.type is Type.VARCHAR:
        return [f'"{field.name}"']
    return [
        f'{engine.joined}({part}("{field.name}"), chr(10))' for part in ("map_keys", "map_values")
    ]
