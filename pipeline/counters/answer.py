"""The answer of a ranking, the same from every home."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import accumulate
from typing import Any

import msgspec

from pipeline.counters.board import ALL, ASSET, BOT, MINUTE_MS, MOST_MINUTES, Board, Item
from pipeline.counters.declared import Ranking, find_ranking
from pipeline.errors import UsageError

MOST_ITEMS, USUAL_ITEMS, USUAL_MINUTES = 1_000, 20, 10
# A log that tells nothing for so long is shown as silent.
SETTLED_MINUTES = 30
LONGEST_PREFIX = 512
DIGEST_BYTES = 12
HOUR = f"{MOST_MINUTES}m"
# Of keys and titles in an answer: a function may answer 6 MB, and who asks says how long those are.
MOST_TEXT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a ranking.

    minutes  of the window
    most     items
    bots, assets  whether programs, and what belongs to a page, count
    """

    ranking: Ranking
    minutes: int = USUAL_MINUTES
    most: int = USUAL_ITEMS
    prefix: str = ""
    bots: bool = True
    assets: bool = True

    @property
    def kinds(self) -> tuple[int, ...]:
        """Kinds that count."""
        left_out = (0 if self.bots else BOT) | (0 if self.assets else ASSET)
        return tuple(kind for kind in ALL if not kind & left_out)


def asked(given: Mapping[str, str]) -> Asked:
    """What parameters ask for. Raises UsageError for one that is none, or has a wrong value."""
    unknown = given.keys() - {"by", "window", "k", "prefix", "bots", "assets"}
    if unknown:
        known = "by, window, k, prefix, bots, assets"
        raise UsageError(f"there is no parameter {min(unknown)[:64]!r}", "", known)
    ranking, prefix = find_ranking(given.get("by", "page")), given.get("prefix", "")
    if len(prefix) > LONGEST_PREFIX:
        raise UsageError("prefix: it is too long", "", f"{LONGEST_PREFIX} characters at most")
    return Asked(
        ranking,
        _minutes(given.get("window", f"{USUAL_MINUTES}m")),
        _number("k", given.get("k", str(USUAL_ITEMS)), "", MOST_ITEMS),
        prefix,
        _flag("bots", given, ranking),
        _flag("assets", given, ranking),
    )


def _minutes(text: str) -> int:
    return _number("window", HOUR if text == "1h" else text, "m", MOST_MINUTES)


def _number(name: str, text: str, unit: str, most: int) -> int:
    digits = text.removesuffix(unit)
    whole = digits.isascii() and digits.isdigit() and len(digits) < 5
    if whole and text == f"{digits}{unit}" and 1 <= int(digits) <= most:
        return int(digits)
    raise UsageError(f"{name}: {text[:64]!r}", "", f"give 1{unit} to {most}{unit}")


def _flag(name: str, given: Mapping[str, str], ranking: Ranking) -> bool:
    text = given.get(name, "true")
    if text not in ("true", "false"):
        raise UsageError(f"{name}: {text[:64]!r}", "", "give true or false")
    if text == "false" and not ranking.has_kinds:
        what = f"{name}: what is ranked by {ranking.name} does not tell them apart"
        raise UsageError(what, "", "leave it out: by=page alone has it")
    return text == "true"


def is_known(tag: str, known: str) -> bool:
    """Whether the caller has the answer of a tag; `known`: its header If-None-Match.

    Source: RFC 9110, section 13.1.2.
    """
    return known.strip() == "*" or tag in known


def answer(asked: Asked, board: Board, titles: Mapping[str, str], now_ms: int) -> dict[str, Any]:
    """The answer as JSON has it; `now_ms` since the epoch.

    It is cut where keys and titles are longer than MOST_TEXT_BYTES, and says so.
    """
    ranking = asked.ranking
    end = _end(ranking, board, now_ms // MINUTE_MS)
    top = board.top(end, asked.minutes, asked.most, asked.kinds, asked.prefix)
    shown = titles if ranking.name == "page" else {}
    fitting = _fitting(top.items, shown)
    return {
        "by": ranking.name,
        "unit": ranking.unit,
        "window": {"from": _time(top.first), "to": _time(top.end)},
        "as_of": f"{datetime.fromtimestamp(now_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "total": top.total,
        "cut": fitting < len(top.items),
        "items": [
            {
                "rank": each.rank,
                "key": each.key,
                "title": shown.get(each.key),
                "count": each.count,
                "share": each.share,
                "previous_rank": each.previous_rank,
                "trend": list(each.trend),
            }
            for each in top.items[:fitting]
        ],
    }


def _fitting(items: Sequence[Item], titles: Mapping[str, str]) -> int:
    """How many of the first items fit into an answer."""
    sizes = (_written(each.key) + _written(titles.get(each.key, "")) for each in items)
    return sum(size <= MOST_TEXT_BYTES for size in accumulate(sizes))


def _written(text: str) -> int:
    """Bytes of a text as it is answered: with `<` written out."""
    return len(msgspec.json.encode(text)) + 5 * text.count("<")


def etag(answered: Mapping[str, Any]) -> str:
    """The tag of an answer: of all but when it was given."""
    told = msgspec.json.encode({name: answered[name] for name in answered if name != "as_of"})
    return f'"{blake2b(told, digest_size=DIGEST_BYTES).hexdigest()}"'


def _end(ranking: Ranking, board: Board, running: int) -> int:
    """The minute before which the window ends."""
    if not ranking.settled:
        return running + 1
    newest = board.newest_until(running)
    return max(newest or 0, running - SETTLED_MINUTES) + 1


def _time(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%dT%H:%M:%SZ}"
