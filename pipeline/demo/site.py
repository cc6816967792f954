"""The demo's web site: what its visitors ask for, and how targets and balancer answer.

A request is part of one visit: its times lie within the window of the visit's flow, and all
requests of a visit have no more bytes than the packets of the flow carry beside their headers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.pages import BOTS, PARTS, PEOPLE, PEOPLE_SHARES, STATUSES
from pipeline.demo.talks import HEADERS, TCP, Drawn
from pipeline.demo.world import Floats, Ints, Texts, World

LEAST_RECEIVED, LEAST_SENT = 350, 250  # bytes; a visit with fewer is a connection kept open
MOST_RECEIVED = 1_400  # bytes of a request
MOST_REQUESTS = 8  # of a visit
BOT_EVERY, FIRST_BOT = 13, 2  # of the clients, by rank
MOST_AROUND_MS = 8  # before and after the target, together
NONE = -1  # a time or a status that there is none of
TIMES = ("request_ms", "target_ms", "response_ms")

REQUEST = np.dtype(
    [(name, np.int64) for name in ("visit", "part", "page", "status", "target_status")]
    + [(name, np.int64) for name in ("received_bytes", "sent_bytes", "created_us", "done_us")]
    + [(name, np.int64) for name in TIMES]
    + [("forwarded", np.bool_)]
)
ROOM = np.dtype([(name, np.int64) for name in ("requests", "received", "sent", "ms", "begin_ms")])

# The incident: one target is slow, and fails on one path
ILL_FROM_S, ILL_S, ILL_EVERY_S = 210.0, 90.0, 450.0
ILL_TARGET = 0  # by its place among the targets
ILL_PAGE = ("POST", "/api/cart")
ILL_SLOWER, FAILING_SLOWER = 8.0, 60.0
ILL_STATUSES = (500, 500, 500, 503, 200)
LOST_SHARE = 0.0003  # of the requests: the target closes the connection, which makes a 502


def ill(age_s: Floats) -> NDArray[np.bool_]:
    """Whether the incident is on, by seconds since the start."""
    into = (age_s - ILL_FROM_S) % ILL_EVERY_S
    return into < ILL_S


class Site:
    """The pages by number, who asks for them with what program, and the requests of visits."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._rng = rng
        pages = [(part.method, path) for part in PARTS for path in part.paths]
        self.methods: Texts = np.array([method for method, _ in pages], object)
        self.paths: Texts = np.array([path for _, path in pages], object)
        # By number of the address, as are the agents
        ranks = np.arange(len(world.addresses)) - world.pools["clients"].addresses[0]
        self.is_bot = ranks % BOT_EVERY == FIRST_BOT
        people = PEOPLE[rng.choice(len(PEOPLE), len(ranks), p=PEOPLE_SHARES)]
        self.agents: Texts = np.where(self.is_bot, BOTS[ranks // BOT_EVERY % len(BOTS)], people)
        self._limits = np.cumsum(
            [[part.statuses.get(status, 0.0) for status in STATUSES] for part in PARTS], axis=1
        )
        self._sizes = np.array([len(part.paths) for part in PARTS])
        self._first = np.cumsum(self._sizes) - self._sizes
        self._ill_page = pages.index(ILL_PAGE)
        self._ill_target = world.pools["app"].addresses[ILL_TARGET]

    def requests(self, drawn: Drawn, origin_s: float) -> NDArray[Any]:
        """Rows of REQUEST in the order of the visits; `origin_s`: when the demo began."""
        room = _room(drawn)
        asked = np.zeros(int(room["requests"].sum()), REQUEST)
        asked["visit"] = np.repeat(np.arange(len(room)), room["requests"])
        asked["forwarded"] = asked["visit"] < len(drawn.forwards)
        asked["part"] = self._parts(drawn.visits["client"][asked["visit"]])
        # About Zipf's law: the logarithm of the rank is spread evenly
        ranks = (self._sizes[asked["part"]] + 1) ** self._rng.random(len(asked))
        asked["page"] = self._first[asked["part"]] + ranks.astype(np.int64) - 1
        own = room[asked["visit"]]
        left_ms = self._come(asked, own)
        self._answer(asked)
        slower = self._fall_ill(asked, drawn, origin_s)
        self._weigh(asked, own)
        self._take_time(asked, left_ms, slower)
        return asked

    def _parts(self, clients: Ints) -> Ints:
        luck = self._rng.random(len(clients)) * 0.9999
        people = np.cumsum([part.share for part in PARTS]).searchsorted(luck, "right")
        bots = np.cumsum([part.bot_share for part in PARTS]).searchsorted(luck, "right")
        return np.where(self.is_bot[clients], bots, people)

    def _come(self, asked: NDArray[Any], room: NDArray[Any]) -> Ints:
        """When each request comes; returns the ms left of its own piece of the visit's flow."""
        places = np.arange(len(asked)) - np.searchsorted(asked["visit"], asked["visit"])
        waited_ms = (self._rng.random(len(asked)) * room["ms"] / 2).astype(np.int64)
        asked["created_us"] = (room["begin_ms"] + places * room["ms"] + waited_ms) * 1000
        left_ms: Ints = room["ms"] - waited_ms
        return left_ms

    def _answer(self, asked: NDArray[Any]) -> None:
        """Statuses without the incident; by HTTP the balancer itself sends on to HTTPS."""
        luck = self._rng.random(len(asked))
        places = (luck[:, None] * 0.9999 >= self._limits[asked["part"]]).sum(axis=1)
        asked["status"] = asked["target_status"] = np.array(STATUSES)[places]
        lost = self._rng.random(len(asked)) < LOST_SHARE
        asked["status"][lost] = 502
        asked["status"][~asked["forwarded"]] = 301
        asked["target_status"][lost | ~asked["forwarded"]] = NONE

    def _fall_ill(self, asked: NDArray[Any], drawn: Drawn, origin_s: float) -> Floats:
        """The incident's statuses; returns how many times slower each request is."""
        slow = asked["forwarded"] & ill(asked["created_us"] / 1e6 - origin_s)
        slow[slow] = drawn.forwards["server"][asked["visit"][slow]] == self._ill_target
        failing = slow & (asked["page"] == self._ill_page)
        statuses = self._rng.choice(ILL_STATUSES, int(failing.sum()))
        asked["status"][failing] = asked["target_status"][failing] = statuses
        return np.where(failing, FAILING_SLOWER, np.where(slow, ILL_SLOWER, 1.0))

    def _weigh(self, asked: NDArray[Any], room: NDArray[Any]) -> None:
        """Bytes both ways, of the room that each request has."""
        rng, count = self._rng, len(asked)
        most = np.minimum(room["received"], MOST_RECEIVED)
        asked["received_bytes"] = most * rng.uniform(0.55, 0.98, count)
        medians = np.array([part.answer_bytes for part in PARTS])[asked["part"]]
        whole = medians * rng.lognormal(0, 0.5, count)
        empty = rng.uniform(150, LEAST_SENT, count)
        answers = np.where(asked["status"] == 200, whole, empty)
        asked["sent_bytes"] = np.minimum(answers, room["sent"])

    def _take_time(self, asked: NDArray[Any], left_ms: Ints, slower: Floats) -> None:
        """The three times, and when the answer is made: within what is left of the flow."""
        rng, count = self._rng, len(asked)
        medians = np.array([part.target_ms for part in PARTS])[asked["part"]]
        spent = medians * rng.lognormal(0, 0.6, count) * slower
        asked["target_ms"] = np.minimum(spent, left_ms - MOST_AROUND_MS)
        asked["request_ms"] = rng.integers(0, MOST_AROUND_MS // 2, count)
        asked["response_ms"] = rng.integers(0, MOST_AROUND_MS // 2, count)
        for name in ("target_ms", "response_ms"):
            asked[name][asked["target_status"] == NONE] = NONE
        asked["request_ms"][~asked["forwarded"]] = NONE
        busy_ms = sum(np.maximum(asked[name], 0) for name in TIMES)
        asked["done_us"] = asked["created_us"] + busy_ms * 1000 + rng.integers(1, 1000, count)


def _room(drawn: Drawn) -> NDArray[Any]:
    """What each visit has room for: how many requests, and the bytes and ms of each of them."""
    visits = drawn.visits
    received, sent = (
        visits[f"{side}_bytes"] - HEADERS[TCP] * visits[f"{side}_packets"]
        for side in ("sent", "got")
    )
    counts = np.minimum(received // LEAST_RECEIVED, sent // LEAST_SENT).clip(0, MOST_REQUESTS)
    counts[len(drawn.forwards) :].clip(0, 1, out=counts[len(drawn.forwards) :])
    room = np.zeros(len(visits), ROOM)
    room["requests"] = counts
    for name, whole in (("received", received), ("sent", sent), ("ms", visits["seconds"] * 1000)):
        room[name] = whole // np.maximum(counts, 1)
    room["begin_ms"] = (visits["end"].astype(np.int64) - visits["seconds"]) * 1000
    return room
