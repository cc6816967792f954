"""Compaction in AWS: which hours are closed, what Athena is told to write, what is shown of it.

    told = curate.from_settings().take({"step": "plan", "table": "vpc_flow"})

infra/compact.asl.yaml says which step comes when; the embedded home's compaction is
pipeline/lake/compact.py.
"""

from pipeline.curate.home import from_settings
from pipeline.curate.objects import LockLost
from pipeline.curate.steps import Curator, NotEqual

__all__ = ["Curator", "LockLost", "NotEqual", "from_settings"]
