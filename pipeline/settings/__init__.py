"""Settings, declared once: what can be set, and where the values in force come from."""

from pipeline.settings.declared import Athena, Limits, Networks, Prices, Settings, described
from pipeline.settings.reading import aws_region, load

__all__ = ["Athena", "Limits", "Networks", "Prices", "Settings", "aws_region", "described", "load"]
