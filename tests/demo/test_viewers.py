"""The views of the demo's pages: a story that all want to see, and one that is forgotten."""

import json
from collections import Counter

import pytest

from pipeline.beacon import MOST_BYTES, MOST_VIEWS
from pipeline.demo.viewers import HISTORY_S, REFERRERS, STORIES, Viewers, interest
from pipeline.enrich.agents import is_bot

NOW_MS = 1_795_615_200_000
NEW, OLD = STORIES[1], STORIES[0]


def pages(first_s: float, last_s: float) -> Counter[str]:
    """Views by page between two times, each once; of what is sent when the demo begins."""
    found: dict[str, str] = {}
    for beacon in Viewers(1, 800).arrivals(NOW_MS, HISTORY_S):
        for view in json.loads(beacon.body):
            if first_s <= (view["ts"] - NOW_MS) / 1000 < last_s:
                found[view["event_id"]] = view["path"]
    return Counter(found.values())


def test_one_page_goes_viral_and_one_fades_from_the_window_before() -> None:
    before, now = pages(-600, -300), pages(-300, 0)
    ranks = [[page for page, _ in each.most_common()] for each in (before, now)]
    assert (ranks[0][0], ranks[1][0]) == (OLD, NEW)
    assert now[NEW] > 3 * before[NEW]
    assert before[OLD] > 4 * now[OLD] > 0


@pytest.mark.parametrize(("age_s", "share"), [(0, 0), (60, 0.15), (600, 0.3), (660, 0.15)])
def test_a_story_rises_stays_and_is_forgotten(age_s: float, share: float) -> None:
    assert interest(age_s) == pytest.approx(share)


def test_what_is_sent_at_once_is_taken_at_once() -> None:
    made = list(Viewers(1, 5_000).arrivals(NOW_MS, 60))
    assert max(len(beacon.body) for beacon in made) <= MOST_BYTES
    assert max(beacon.views for beacon in made) <= MOST_VIEWS
    assert all(beacon.views == len(json.loads(beacon.body)) for beacon in made)


def test_some_is_sent_again_and_some_by_programs() -> None:
    made = list(Viewers(1, 800).arrivals(NOW_MS, HISTORY_S))
    assert 0 < len(made) - len({beacon.body for beacon in made}) < 0.03 * len(made)
    robots = sum(beacon.views for beacon in made if is_bot(beacon.agent))
    assert 0.01 < robots / sum(beacon.views for beacon in made) < 0.06


def test_viewers_have_addresses_and_some_come_from_elsewhere() -> None:
    made = list(Viewers(1, 800).arrivals(NOW_MS, HISTORY_S))
    assert len({beacon.address for beacon in made}) > 500
    views = [view for beacon in made for view in json.loads(beacon.body)]
    told = Counter(view.get("referrer", "") for view in views)
    assert set(told) == set(REFERRERS)
    assert 0.4 < told[""] / len(views) < 0.5


def test_the_same_seed_views_the_same() -> None:
    one, two = (list(Viewers(7, 100).arrivals(NOW_MS, 120)) for _ in range(2))
    assert one == two != list(Viewers(8, 100).arrivals(NOW_MS, 120))
