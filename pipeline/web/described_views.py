"""What the description says of page views and their ranking: bodies, parameters, answers."""

from typing import Any

from pipeline.beacon import FORM, JSON, MEMBERS, MOST_VIEWS, TEXT
from pipeline.counters.answer import (
    LONGEST_PREFIX,
    MOST_ITEMS,
    USUAL_ITEMS,
    USUAL_MINUTES,
)
from pipeline.counters.board import MOST_MINUTES
from pipeline.counters.declared import all_rankings

UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "the caller has it: its If-None-Match has the tag of this answer, or *"}
}
_ID = "A UUID: with it and the same ts a view may be sent again."
_TIME = {"type": ["integer", "string"]}
_DOCS: dict[str, dict[str, Any]] = {
    "path": {"type": "string", "pattern": "^/", "description": "Path of the page, with its query."},
    "event_id": {"type": "string", "format": "uuid", "description": _ID},
    "ts": {**_TIME, "description": "When it was, Unix time in milliseconds or ISO-8601."},
    "sent": {**_TIME, "description": "What the clock that ts is of showed when it was sent."},
    "title": {"type": "string", "description": "Title of the page."},
    "referrer": {"type": "string", "description": "URL of the page before it."},
    "session": {"type": "string", "description": "Session, as the client calls it."},
    "viewport": {"type": "string", "description": "Width and height of the window: 1280x720."},
}
VIEW: dict[str, Any] = {"type": "object", "required": ["path"], "properties": _DOCS}
_VIEWS = {"oneOf": [VIEW, {"type": "array", "items": VIEW, "maxItems": MOST_VIEWS}]}
VIEWS_EXTRA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A view, or a list of them; JSON may be sent as text/plain, as pages do.",
        "content": {
            JSON: {"schema": _VIEWS},
            TEXT: {"schema": {"type": "string"}},
            FORM: {"schema": VIEW},
        },
    }
}


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }


PIXEL_EXTRA: dict[str, Any] = {
    "parameters": [_parameter(name, _DOCS[name]["description"], type="string") for name in MEMBERS]
}
_TELL = "Not with false where the ranking does not tell them apart: by=page alone does."
RANKING_EXTRA: dict[str, Any] = {
    "parameters": [
        _parameter(
            "by", "What is ranked.", type="string", enum=list(all_rankings()), default="page"
        ),
        _parameter(
            "window",
            f"Minutes, the running one among them: 1m to {MOST_MINUTES}m, or 1h.",
            type="string",
            pattern="^([1-9]|[1-5][0-9]|60)m$|^1h$",
            default=f"{USUAL_MINUTES}m",
        ),
        _parameter(
            "k",
            "Items at most.",
            type="integer",
            minimum=1,
            maximum=MOST_ITEMS,
            default=USUAL_ITEMS,
        ),
        _parameter(
            "prefix", "With what a key begins.", type="string", maxLength=LONGEST_PREFIX, default=""
        ),
        _parameter("bots", f"Whether programs count. {_TELL}", type="boolean", default=True),
        _parameter(
            "assets", f"Whether images, scripts, fonts count. {_TELL}", type="boolean", default=True
        ),
    ]
}
