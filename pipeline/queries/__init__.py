"""Questions and answers: saved SQL and free SQL in Athena's dialect, over a home.

Importing it is light: the engine, sqlglot and pyarrow are loaded when a query runs.
"""

from pipeline.queries.answer import Answer
from pipeline.queries.catalogue import find, load
from pipeline.queries.front_matter import Column, SavedQuery
from pipeline.queries.parameters import Parameter
from pipeline.queries.runner import bindings, check, explain, run
from pipeline.queries.window import Window, parse

__all__ = [
    "Answer",
    "Column",
    "Parameter",
    "SavedQuery",
    "Window",
    "bindings",
    "check",
    "explain",
    "find",
    "load",
    "parse",
    "run",
]
