"""Sessions of AWS's clients whose requests go nowhere, but to what answers them in memory.

What they read of AWS's models, which takes longer than many calls, is read once for all of them;
and nothing is signed, which is a sixth of the time of a call, but where who asks is looked at.
"""

from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.loaders import create_loader

LOADER = create_loader()


def core_of(signed: bool = False) -> botocore.session.Session:
    """One of botocore."""
    made = botocore.session.Session()
    made.set_credentials("key", "secret")
    made.register_component("data_loader", LOADER)
    if not signed:
        made.set_default_client_config(Config(signature_version=UNSIGNED))
    return made


def session_of(send: Callable[..., Any], *services: str, signed: bool = False) -> boto3.Session:
    """One whose requests come to `send`; those of some services, or of all."""
    core = core_of(signed)
    for event in [f"before-send.{service}" for service in services] or ["before-send"]:
        core.register(event, send)
    return boto3.Session(botocore_session=core, region_name="eu-west-1")
