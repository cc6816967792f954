"""Which members JSON objects have, and of which types, as far as they were seen."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import pyarrow as pa

# Members of a shape, and shapes that are looked at: lines beyond them are decoded one by one.
MOST = 256
DEEPEST = 32
TEXT, UNSEEN = pa.string(), pa.null()
# Fractions have none: they go one by one, for they keep the text that they have.
_SCALARS: Mapping[type, pa.DataType] = {
    type(None): UNSEEN,
    str: TEXT,
    bool: pa.bool_(),
    int: pa.int64(),
}


class Shape:
    """The members of some objects; it grows, and an object that contradicts it is left out.

    declared  members that it has in any case, their leaves scalars
    """

    def __init__(self, declared: pa.StructType) -> None:
        self._declared = declared
        self._known = _unseen(declared)
        self._seen: set[pa.DataType] = set()

    def see(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take in what these objects show."""
        for row in rows:
            found = _shown(row) if len(self._seen) < MOST and len(row) <= MOST else None
            if found is None or found in self._seen:
                continue
            self._seen.add(found)
            wider = _union(self._known, found)
            if wider is None or not _keeps(wider, self._declared) or _size(wider) > MOST:
                continue
            if wider != self._known:
                self._known = wider
                self.__dict__.pop("schema", None)

    @cached_property
    def schema(self) -> pa.Schema:
        """What to read by: text where nothing was seen."""
        return pa.schema(list(_final(self._known)))


def _unseen(declared: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(declared):
        return pa.struct([(each.name, _unseen(each.type)) for each in declared])
    return pa.list_(_unseen(declared.value_type)) if pa.types.is_list(declared) else UNSEEN


def _final(known: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(known):
        return pa.struct([(each.name, _final(each.type)) for each in known])
    if pa.types.is_list(known):
        return pa.list_(_final(known.value_type))
    return TEXT if known == UNSEEN else known


def _shown(value: Any, depth: int = 0) -> pa.DataType | None:
    """The type of a value; None when it has none, or is nested deeper than DEEPEST."""
    if depth > DEEPEST:
        return None
    if type(value) is dict:
        fields = {key: _shown(each, depth + 1) for key, each in value.items()}
        return None if None in fields.values() else pa.struct(fields)
    if type(value) is list:
        inner: pa.DataType | None = UNSEEN
        for each in value:
            found = _shown(each, depth + 1)
            inner = None if inner is None or found is None else _union(inner, found)
        return None if inner is None else pa.list_(inner)
    return _SCALARS.get(type(value))


def _union(known: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """What holds both; None when they contradict each other."""
    if other in (UNSEEN, known):
        return known
    if pa.types.is_struct(known) and pa.types.is_struct(other):
        types = {each.name: each.type for each in known}
        for each in other:
            had = types.get(each.name)
            types[each.name] = each.type if had is None else _union(had, each.type)
        return None if None in types.values() else pa.struct(types)
    if pa.types.is_list(known) and pa.types.is_list(other):
        inner = _union(known.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    return other if known == UNSEEN else None


def _keeps(known: pa.DataType, declared: pa.DataType) -> bool:
    """Whether what is declared still has its kind."""
    if pa.types.is_struct(declared):
        if not pa.types.is_struct(known):
            return False
        types = {each.name: each.type for each in known}
        return all(_keeps(types[each.name], each.type) for each in declared)
    if pa.types.is_list(declared):
        return pa.types.is_list(known) and _keeps(known.value_type, declared.value_type)
    return not pa.types.is_nested(known)


def _size(known: pa.DataType) -> int:
    if pa.types.is_list(known):
        return _size(known.value_type)
    return 1 + (sum(_size(each.type) for each in known) if pa.types.is_struct(known) else 0)
