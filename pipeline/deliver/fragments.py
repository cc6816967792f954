"""Fragments: what a column adds to each JSON line, `,"name":value`, or nothing where it is null.

Columns that repeat are written once a value, and several of them merged into one, so that lines are
joined of few parts: what a line costs is, before all, how many parts it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.deliver.json_text import json_values, text_bytes

# Columns of more values are not merged, nor where the products grow long.
FEW = 256
PRODUCT = 2048
PRODUCT_BYTES = 1 << 20
SAMPLE = 512

Part: TypeAlias = "pa.Array | str"


class Column(Protocol):
    """One column of some rows, or several merged."""

    def parts(self, first: int, count: int) -> Sequence[Part]:
        """What lines from row `first` on are joined of: a text they share, or one each.

        In an array null stands for nothing.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A column of few values, null among them: `code` indexes the fragments `words`."""

    words: pa.Array
    code: np.ndarray

    def parts(self, first: int, count: int) -> Sequence[Part]:
        """Each row's fragment."""
        if len(self.words) == 1:
            return [self.words[0].as_py()]
        return [self.words.take(pa.array(self.code[first : first + count]))]

    def times(self, other: "Words") -> "Words":
        """Both in one: each fragment of the one with each of the other."""
        mine, others = len(self.words), len(other.words)
        left = self.words.take(pa.array(np.repeat(np.arange(mine), others)))
        right = other.words.take(pa.array(np.tile(np.arange(others), mine)))
        both = pc.binary_join_element_wise(left, right, "")
        if mine == 1:
            return Words(both, other.code)
        return Words(both, self.code if others == 1 else self.code * others + other.code)

    def fits(self, other: "Words") -> bool:
        """Whether the product of both is small."""
        mine, others = len(self.words), len(other.words)
        size = mine * text_bytes(other.words) + others * text_bytes(self.words)
        return mine * others <= PRODUCT and size <= PRODUCT_BYTES


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of more values that repeat."""

    fragments: pa.Array
    code: pa.Array

    def parts(self, first: int, count: int) -> Sequence[Part]:
        """Each row's fragment, null where it has none."""
        return [self.fragments.take(self.code.slice(first, count))]


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """A column whose values hardly repeat."""

    key: str
    column: pa.Array

    def parts(self, first: int, count: int) -> Sequence[Part]:
        """Key and values apart where each row has one; that saves a copy."""
        values, mark = json_values(self.column.slice(first, count))
        if values.null_count:
            return [_enclosed(self.key, values, mark)]
        return [self.key + mark, values, mark]


def columns_of(rows: pa.Table) -> list[Column]:
    """The columns of some rows that are not null throughout, those of few values merged."""
    words: list[Words] = []
    others: list[Column] = []
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if column.null_count == len(rows):
            continue
        array = one_array(column)
        key = f",{msgspec.json.encode(name).decode()}:"
        coded = _coded(array)
        if coded is None:
            others.append(Plain(key, _plain(array)))
        elif len(coded.dictionary) <= FEW:
            words.append(_words(key, coded))
        else:
            others.append(Coded(_fragments(key, coded.dictionary), coded.indices))
    return [*_merged(words), *others]


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _coded(array: pa.Array) -> pa.DictionaryArray | None:
    """The same in codes where values repeat, as far as its first rows tell."""
    if pa.types.is_dictionary(array.type):
        return array if len(array.dictionary) <= max(len(array), FEW) else None
    # Of maps there is no dictionary.
    if pa.types.is_map(array.type):
        return None
    head = array.slice(0, SAMPLE)
    if len(head.unique()) > max(len(head) // 4, 1):
        return None
    return array.dictionary_encode()


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _words(key: str, coded: pa.DictionaryArray) -> Words:
    fragments = pc.fill_null(_fragments(key, coded.dictionary), "")
    code = coded.indices.cast(pa.int32())
    if coded.indices.null_count:
        code = code.fill_null(len(fragments))
        fragments = pa.concat_arrays([fragments, pa.array([""])])
    return Words(fragments, code.to_numpy())


def _merged(words: Sequence[Words]) -> list[Words]:
    merged: list[Words] = []
    for each in sorted(words, key=lambda each: len(each.words)):
        if merged and merged[-1].fits(each):
            merged[-1] = merged[-1].times(each)
        else:
            merged.append(each)
    return merged


def _fragments(key: str, values: pa.Array) -> pa.Array:
    return _enclosed(key, *json_values(values))


def _enclosed(key: str, values: pa.Array, mark: str) -> pa.Array:
    return pc.binary_join_element_wise(key + mark, values, mark, "")
