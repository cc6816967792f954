"""What is asked on a schedule is what the page asks."""

import re

from pipeline import queries
from pipeline.presets import RANGES, presets, queries_a_day
from pipeline.web.page import FOLDER


def script(name: str) -> str:
    """A script of the page."""
    return (FOLDER / "js" / name).read_text("utf-8")


def test_ranges_and_buckets_are_those_of_the_page() -> None:
    (text,) = re.findall(r"RANGES = \{([^;]*)\};", script("state.js"))
    found = re.findall(r"'?(\w+)'?: \[(\d+), (\d+)\]", text)
    theirs = {name: (int(length), int(bucket)) for name, length, bucket in found}
    ours = {name: (each.seconds, each.bucket_s) for name, each in RANGES.items()}
    assert ours.items() < theirs.items()


def test_every_query_of_the_page_is_asked() -> None:
    named = set(re.findall(r"name: '(\w+)'", script("questions.js")))
    assert {each.name for each in presets()} == named


def test_each_is_a_saved_query_with_parameters_that_it_has() -> None:
    for each in presets():
        queries.check(each.name, sql=None, params=dict(each.params))


def test_keys_are_of_one_preset_each() -> None:
    keys = [each.key for each in presets()]
    assert len(set(keys)) == len(keys)
    assert "presets/24h/top_pairs.top=8.json.gz" in keys


def test_long_ranges_are_asked_less_often() -> None:
    assert [each.minutes(15) for each in RANGES.values()] == [15, 30, 120, 840]
    assert [round(each) for each in queries_a_day(15).values()] == [1152, 528, 132, 19]
