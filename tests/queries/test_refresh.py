"""Presets on a schedule: which are asked when, and what one that fails leaves alone."""

from pathlib import Path

import pytest

from pipeline.errors import QueryFailed
from pipeline.presets import RANGES, presets
from tests.web.stack.staged import RESULTS, Shown, asked_once, shown


@pytest.fixture
def page(tmp_path: Path) -> Shown:
    made = shown(tmp_path)
    made.take(asked_once())
    return made


def due(page: Shown, minutes: int = 15) -> list[str]:
    """Ranges that are asked at present."""
    found = page.refreshing(minutes).due(page.now)
    assert len(found) == len(set(found))
    return [name for name in RANGES if any(each.range == name for each in found)]


def test_a_range_is_asked_when_its_share_has_gone_by(page: Shown) -> None:
    assert due(page) == []
    # The schedule is never exact.
    page.later(minutes=14, seconds=58)
    assert due(page) == ["1h"]
    page.later(minutes=15)
    assert due(page) == ["1h", "6h"]
    page.later(hours=2)
    assert due(page) == ["1h", "6h", "24h"]
    page.later(hours=12)
    assert due(page) == list(RANGES)


def test_what_is_not_there_is_asked_whatever_its_range(page: Shown) -> None:
    week = next(each for each in presets() if each.range == "7d")
    del page.stage.objects[RESULTS, week.key]
    assert page.refreshing(15).due(page.now) == [week]


def test_one_that_fails_leaves_the_others_alone(page: Shown) -> None:
    for preset in presets():
        if preset.range == "7d" or preset.name not in ("top_pairs", "rejects", "source_activity"):
            page.stage.objects[RESULTS, preset.key] = (b"", page.now.replace(year=2027))
        else:
            del page.stage.objects[RESULTS, preset.key]
    page.stage.refuses = "raw_head"
    with pytest.raises(QueryFailed, match="3 of 9 presets were not asked anew: Query exhausted"):
        page.refresh()
    kept = [key for key in page.stage.keys(RESULTS) if "top_pairs" in key and "7d" not in key]
    assert len(kept) == 3
    assert all(page.stage.objects[RESULTS, key][0] for key in kept)
