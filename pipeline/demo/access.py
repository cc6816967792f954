"""Access log lines of the demo's load balancer: one a request, as its source `alb` reads them.

AWS delivers these logs as files; here they pass through a log group like the rest, because events
there have ids, by which a redelivered one is known.

Source: Elastic Load Balancing, "Access logs for your Application Load Balancer".
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.flows import BROKEN_SHARE
from pipeline.demo.pages import HOST
from pipeline.demo.site import NONE, TIMES, Site
from pipeline.demo.talks import HTTPS, Drawn
from pipeline.demo.world import ACCOUNT, REGION, Ints, Put, Texts, World, made_up_id

ACCESS_GROUP = "/heron/alb/access-logs"
LINES_A_FLOW_LINE = 0.1  # requests against lines of the flow logs

ELB = f"app/heron-www/{made_up_id('', 'heron-www')[1:]}"
_ARN = f"{REGION}:{ACCOUNT}"
GROUP_ARN = (
    f"arn:aws:elasticloadbalancing:{_ARN}:targetgroup/heron-web/{made_up_id('', 'heron-web')[1:]}"
)
CERTIFICATE_ARN = f"arn:aws:acm:{_ARN}:certificate/0a51c0de-77e1-4f20-b4d2-0b7e4d19c335"

PLAIN, SECURE, SECURE_2 = range(3)  # HTTP, HTTP/1.1 over TLS, HTTP/2
TYPES = np.array(["http", "https", "h2"], object)
BEFORE_PATH = np.array([f"http://{HOST}:80", *[f"https://{HOST}:443"] * 2], object)
PROTOCOLS = np.array(["HTTP/1.1", "HTTP/1.1", "HTTP/2.0"], object)
_TLS = f"TLS_AES_128_GCM_SHA256 TLSv1.3 {GROUP_ARN}"
TLS_AND_GROUP = np.array(["- - -", _TLS, _TLS], object)
_NAMES = f'"{HOST}" "{CERTIFICATE_ARN}"'
NAMES = np.array(['"-" "-"', _NAMES, _NAMES], object)

LINE = (
    f"%s %sZ {ELB} %s:%d %s %s %s %s %d %s %d %d"
    ' "%s %s%s %s" "%s" %s "Root=1-%08x-%012x%012x" %s %d %sZ "%s" "%s"'
    ' "-" "%s" "%s" "-" "-" TID_%016x%016x "-" "-" "-" %s'
)


def _set(at: int, value: str) -> Callable[[str], str]:
    def replaced(line: str) -> str:
        tokens = line.split(" ")
        return " ".join([*tokens[:at], value, *tokens[at + 1 :]])

    return replaced


# What a broken line is broken by, and what becomes of it
BREAKS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("field_count", lambda line: line[: line.index('"') - 1]),
    ("address", _set(3, "192.0.2.300:40000")),
    ("type", _set(8, "2OO")),
    ("range", _set(8, "2000")),
    ("control_char", _set(2, "app/heron-www/\x07")),
)


class Access:
    """The balancer's log group: one stream a node."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._world = world
        self._rng = rng
        self._site = Site(world, rng)

    def arrive(self, drawn: Drawn, origin_s: float) -> list[Put]:
        """The requests of these visits, with the visits' arrival; the demo began at `origin_s`."""
        asked = self._site.requests(drawn, origin_s)
        nodes = drawn.visits["server_at"][asked["visit"]]
        return [self._put(node, asked[nodes == node], drawn) for node in np.unique(nodes).tolist()]

    def _put(self, node: int, asked: NDArray[Any], drawn: Drawn) -> Put:
        texts, outcomes = self._texts(asked, drawn), {}
        for at in np.flatnonzero(self._rng.random(len(texts)) < BROKEN_SHARE).tolist():
            outcomes[at], breaks = BREAKS[self._rng.integers(len(BREAKS))]
            texts[at] = breaks(texts[at])
        stream = f"{ELB}/{self._world.addresses[self._world.primary[node]]}"
        messages = [json.dumps(text)[1:-1] for text in texts]
        return Put(ACCESS_GROUP, stream, (asked["done_us"] // 1000).tolist(), messages, outcomes)

    def _texts(self, asked: NDArray[Any], drawn: Drawn) -> list[str]:
        """One line a request, by the fields of LINE."""
        world, site, visits = self._world, self._site, drawn.visits[asked["visit"]]
        kinds = self._kinds(visits)
        paths, targets = site.paths[asked["page"]], self._targets(asked, drawn)
        statuses = _or_dash(asked["target_status"])
        redirects = np.where(kinds == PLAIN, BEFORE_PATH[SECURE] + paths, "-")
        columns = [
            TYPES[kinds],
            _iso(asked["done_us"]),
            world.addresses[visits["client"]],
            visits["client_port"],
            targets,
            *(_seconds(asked[name]) for name in TIMES),
            asked["status"],
            statuses,
            asked["received_bytes"],
            asked["sent_bytes"],
            site.methods[asked["page"]],
            BEFORE_PATH[kinds],
            paths,
            PROTOCOLS[kinds],
            site.agents[visits["client"]],
            TLS_AND_GROUP[kinds],
            asked["created_us"] // 1_000_000,
            *self._rng.integers(0, 2**48, (2, len(asked))),
            NAMES[kinds],
            (kinds != PLAIN).astype(int),
            _iso(asked["created_us"]),
            np.where(kinds == PLAIN, "redirect", "forward"),
            redirects,
            targets,
            statuses,
            *self._rng.integers(0, 2**62, (2, len(drawn.visits)))[:, asked["visit"]],
            world.addresses[visits["server"]],
        ]
        return [LINE % row for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _kinds(self, visits: NDArray[Any]) -> Ints:
        """PLAIN, SECURE or SECURE_2 of each request's visit; bots do not speak HTTP/2."""
        secure = np.where(self._site.is_bot[visits["client"]], SECURE, SECURE_2)
        return np.where(visits["server_port"] == HTTPS, secure, PLAIN)

    def _targets(self, asked: NDArray[Any], drawn: Drawn) -> Texts:
        """Address and port; - for what the balancer answers itself."""
        texts = np.full(len(drawn.visits), "-", object)
        texts[: len(drawn.forwards)] = self._world.addresses[drawn.forwards["server"]]
        texts[: len(drawn.forwards)] += f":{HTTPS}"
        targets: Texts = texts[asked["visit"]]
        return targets


def _iso(moments_us: Ints) -> Texts:
    texts: Texts = np.datetime_as_string(moments_us.astype("datetime64[us]"))
    return texts


def _or_dash(statuses: Ints) -> Texts:
    return np.where(statuses == NONE, "-", statuses.astype(object))


def _seconds(times_ms: Ints) -> Texts:
    texts = [f"{time / 1000:.3f}" if time != NONE else "-1" for time in times_ms.tolist()]
    return np.array(texts, object)
