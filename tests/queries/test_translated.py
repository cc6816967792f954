"""Translations made beforehand are those that would be made now, or are not taken."""

import re
import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest

from pipeline.queries import find, load
from pipeline.queries.catalogue import folder
from pipeline.queries.dialect.bridge import translate
from pipeline.queries.translated import NAME, known
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


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: b"",
        lambda text: b"[]",
        lambda text: b"[" * 100_000,
        lambda text: b"\xff\xfe" + text,
        lambda text: text.replace(b"SELECT", b"SEL\xffCT"),
        lambda text: text.replace(b"SELECT", b"SEL\\ud800CT"),
        lambda text: text.replace(b'"sql"', b'"text"'),
        lambda text: re.sub(rb'"digest": "\w+"', b'"digest": 7', text),
        lambda text: text.replace(b'"vpc_flow"\n', b'"vpc_flow", 7\n'),
        lambda text: text.replace(b"DESC", b"ASC"),
        lambda text: text.replace(b'"vpc_flow"\n', b'"tgw_flow"\n'),
        lambda text: text.replace(b'"last_day"', b'"to_time"'),
    ],
)
def test_a_file_that_was_damaged_or_edited_is_not_taken(tmp_path, damage):
    whole = (folder() / NAME).read_bytes()
    path = tmp_path / NAME
    path.write_bytes(whole)
    assert known(find("top_talkers"), path) == known(find("top_talkers"))
    assert damage(whole) != whole
    path.write_bytes(damage(whole))
    assert known(find("top_talkers"), path) is None


def test_one_wrong_entry_leaves_the_others_known(tmp_path):
    entries = msgspec.json.decode((folder() / NAME).read_bytes())
    entries["top_pairs"] = ["wrong"]
    path = tmp_path / NAME
    path.write_bytes(msgspec.json.encode(entries))
    assert known(find("top_pairs"), path) is None
    assert known(find("top_talkers"), path) == known(find("top_talkers"))


FORMATS = ("table", "csv", "json", "jsonl", "parquet")
LIGHT = """
import sys
from pipeline.cli import exit_code
sys.argv = ["tailrace", "query", sys.argv[3], "--from", "2026-11-25", "--to", "2026-11-26",
            "--home", sys.argv[1], "--output", sys.argv[2]]
code = exit_code()
heavy = {"sqlglot", "pandas", "boto3", "fastapi", "pipeline.sources", "numpy"} & set(sys.modules)
print(f"loaded: {heavy}", file=sys.stderr) if heavy else None
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("name", "output", "known"),
    [
        *(("top_talkers", output, b"52.94.76.1") for output in FORMATS),
        ("web_statuses", "csv", b"bucket_start,"),
    ],
)
def test_a_saved_query_is_answered_without_the_translator(home, name, output, known):
    words = [sys.executable, "-c", LIGHT, str(home), output, name]
    done = subprocess.run(words, capture_output=True)
    assert done.returncode == 0
    assert known in done.stdout
    assert b"loaded" not in done.stderr
