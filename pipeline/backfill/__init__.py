"""Backfill in AWS: objects or records that are there, once more through the function's own code.

    told = backfill.from_settings().take({"step": "plan", "request": {...}, ...}, left)

infra/backfill.asl.yaml says which step comes when; pipeline/deployed/backfill.py starts it.
"""

from pipeline.backfill.home import from_settings
from pipeline.backfill.notes import FOLDER, Notes, Sum
from pipeline.backfill.plan import Request
from pipeline.backfill.steps import Backfill, NotAll

__all__ = ["FOLDER", "Backfill", "NotAll", "Notes", "Request", "Sum", "from_settings"]
