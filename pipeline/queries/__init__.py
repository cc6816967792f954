"""Questions and answers: saved SQL and free SQL in Athena's dialect, over a home or a stack.

Importing it is light: the engines, sqlglot and pyarrow are loaded when a query runs.
"""

from pipeline.queries.answer import Answer
from pipeline.queries.catalogue import find, load
from pipeline.queries.engines import Engine, Progress, Question
from pipeline.queries.front_matter import Column, SavedQuery
from pipeline.queries.parameters import Parameter
from pipeline.queries.runner import ask, check, run
from pipeline.queries.window import Window, parse

__all__ = [
    "Answer",
    "Column",
    "Engine",
    "Parameter",
    "Progress",
    "Question",
    "SavedQuery",
    "Window",
    "ask",
    "check",
    "find",
    "load",
    "parse",
    "run",
]
