"""Settings, declared once: what can be set, and where the values in force come from."""

from pipeline.settings.declared import (
    Athena,
    Delivery,
    Limits,
    Networks,
    Prices,
    Settings,
    described,
)
from pipeline.settings.reading import aws_profile, aws_region, load, of_function

__all__ = ["Athena", "Delivery", "Limits", "Networks", "Prices", "Settings"]
__all__ += ["aws_profile", "aws_region", "described", "load", "of_function"]
