"""An answer of a ranking stands until something more is counted."""

import asyncio
import json
from pathlib import Path

from pipeline.beacon import Seen, lines_of
from pipeline.counters.answer import asked
from pipeline.home import Machine, writing
from pipeline.web.counting import KEPT
from pipeline.web.server import running
from tests.processed import context
from tests.web.serving import until

NOW_S = 1_795_608_000.0


def test_an_answer_is_made_once_until_something_more_is_counted(tmp_path: Path) -> None:
    times = [NOW_S]
    lines = lines_of([{"path": "/a"}], Seen(int(NOW_S * 1000), "192.0.2.1", ""), b"k" * 32)
    with (
        writing(tmp_path, context()),
        running(tmp_path, context(), Machine(clock=lambda: times[-1])) as state,
    ):
        usual, short = asked({}), asked({"k": "1"})
        first = state.ranking(usual)
        assert state.ranking(asked({})) is first
        assert state.ranking(short) is not first
        asyncio.run(state.views.take(lines))
        until(lambda: state.ranking(usual).etag != first.etag)
        counted = state.ranking(usual)
        assert [each["key"] for each in json.loads(counted.text)["items"]] == ["/a"]
        # Which is when it was given; the tag is not of that.
        times.append(NOW_S + 1)
        later = state.ranking(usual)
        assert (later is counted, later.text == counted.text) == (False, False)
        assert later.etag == counted.etag


def test_only_so_many_answers_are_kept(tmp_path: Path) -> None:
    with (
        writing(tmp_path, context()),
        running(tmp_path, context(), Machine(clock=lambda: NOW_S)) as state,
    ):
        first = state.ranking(asked({}))
        for number in range(KEPT):
            state.ranking(asked({"prefix": f"/{number}"}))
        assert state.ranking(asked({})) is not first
