"""What a user agent says of itself: the family of a browser, and whether it is a program.

A short list: most agents are one of six browsers, and what calls itself a bot is one. Who hides is
not found by this.

Source: RFC 9110, section 10.1.5; MDN, "Browser detection using the user agent string".
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.enrich import Enricher, Lookups
from pipeline.enrich.columns import coded, named
from pipeline.schema import Field, Type

# In this order: most of them name the ones behind them, too.
FAMILIES = (
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\b(?:OPR|Opera)\b"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/"),
    ("Chrome", r"\b(?:Chrome|HeadlessChrome|CriOS|Chromium)/"),
    ("Safari", r"\bSafari/"),
)
OTHER = "other"
_FAMILIES = tuple((name, re.compile(pattern)) for name, pattern in FAMILIES)
_BOT = re.compile(
    r"bot\b|bot[/_-]|crawl|spider|slurp|preview|monitor|headless|lighthouse|facebookexternalhit"
    r"|curl/|wget/|python-|go-http-client|java/|okhttp|libwww|httpclient|scrapy|axios/|node-fetch",
    re.IGNORECASE,
)

AGENT = "user_agent"
FAMILY = Field("user_agent_family", Type.VARCHAR, "Browser by its user agent; other for the rest.")
IS_BOT = Field(
    "is_bot", Type.BOOLEAN, "Whether the user agent says that it is a program, or says nothing."
)


def family(agent: str) -> str:
    """The family of a user agent."""
    return next((name for name, pattern in _FAMILIES if pattern.search(agent)), OTHER)


def is_bot(agent: str) -> bool:
    """Whether a user agent is one of a program: it says so, or it is empty."""
    return not agent.strip() or _BOT.search(agent) is not None


def add(rows: pa.Table, lookups: Lookups) -> pa.Table:
    """Put family and kind in the place of the user agent, which is kept nowhere else."""
    agents, codes = coded(rows, AGENT)
    texts = agents.to_pylist()
    families = named(codes, [family(each) for each in texts])
    bots = pa.array([is_bot(each) for each in texts], pa.bool_())
    known = pa.array(codes, mask=codes < 0)
    if AGENT in rows.column_names:
        rows = rows.drop_columns([AGENT])
    rows = rows.append_column(FAMILY.name, families)
    return rows.append_column(IS_BOT.name, pc.take(bots, known))


ENRICHER = Enricher((FAMILY, IS_BOT), add)
