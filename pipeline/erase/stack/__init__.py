"""Erasure in the lake of a deployed stack: the steps that infra/erase.asl.yaml puts in order.

    told = stack.from_settings().take({"step": "work", "id": "...", "phase": "landing", "lane": 0})

Whom it is about lies in one object of the lake's bucket until the execution ends, and in no input,
output or history of Step Functions. The quarantine is erased from by who starts it
(pipeline/deployed/erase.py), for its key decrypts for no function.
"""

from pipeline.erase.stack.home import from_settings
from pipeline.erase.stack.steps import Eraser

__all__ = ["Eraser", "from_settings"]
