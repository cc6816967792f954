"""Translations made beforehand are those that would be made now, or are not taken."""

import subprocess
import sys
from dataclasses import replace

import pytest

from pipeline.queries import find, load
from pipeline.queries.dialect.bridge import translate
from pipeline.queries.translated import known
from pipeline.queries.window import TYPES


@pytest.mark.parametrize("name", load())
def test_every_saved_query_is_translated_beforehand_as_it_is_now(name):
    query = find(name)
    types = {**TYPES, **{each.name: each.type for each in query.params}}
    assert known(query) == translate(query.sql, types)


def test_a_query_that_was_changed_is_translated_anew():
    query = find("top_talkers")
    bigger = replace(query.params[0], type="bigint")
    assert known(replace(query, sql=query.sql.replace("DESC", "ASC"))) is None
    assert known(replace(query, params=(bigger,))) is None
    assert known(replace(query, name="mine")) is None


def test_without_the_file_nothing_is_known(tmp_path):
    assert known(find("top_talkers"), tmp_path / "none.json") is None


LIGHT = """
import sys
from pathlib import Path
from pipeline.queries import run
run("top_talkers", home=Path(sys.argv[1])).table
heavy = {"sqlglot", "pandas", "boto3", "pydantic"} & set(sys.modules)
sys.exit(f"loaded: {heavy}" if heavy else 0)
"""


def test_a_saved_query_is_answered_without_the_translator(home):
    done = subprocess.run([sys.executable, "-c", LIGHT, str(home)], capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("", 0)
