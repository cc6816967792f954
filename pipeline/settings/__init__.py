"""Settings, declared once: what can be set, and where the values in force come from."""

from pipeline.settings.declared import (
    Athena,
    Delivery,
    Limits,
    Lookups,
    Networks,
    Prices,
    Settings,
    described,
)
from pipeline.settings.reading import (
    ENDPOINT,
    aws_endpoints,
    aws_profile,
    aws_region,
    load,
    of_function,
)

__all__ = ["ENDPOINT", "Athena", "Delivery", "Limits", "Lookups", "Networks", "Prices", "Settings"]
__all__ += ["aws_endpoints", "aws_profile", "aws_region", "described", "load", "of_function"]
