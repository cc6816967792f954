"""A stage whose landing is folded, as far as what is noted of it goes."""

from datetime import datetime

import msgspec

from pipeline.curate.plan import Listed, State, done, hours_of, planned
from tests.deployed.cloud import LAKE, Cloud


def fold(cloud: Cloud, table: str, at: datetime) -> None:
    """Note all that has closed as folded, as a compaction does at its end."""
    landed = [
        Listed(key, len(content))
        for (bucket, key), (content, _) in cloud.objects.items()
        if bucket == LAKE and key.startswith(f"lake/landing/{table}/")
    ]
    hours = hours_of(landed)
    plan = planned(State(), hours, at, "plan")
    assert plan is not None
    state = msgspec.json.encode(done(State(), plan, hours, at))
    cloud.put(LAKE, f"compaction/{table}/state.json", state)
