"""Settings, declared once: what can be set, and where the values in force come from."""

from pipeline.settings.declared import Limits, Networks, Prices, Settings, described
from pipeline.settings.reading import load

__all__ = ["Limits", "Networks", "Prices", "Settings", "described", "load"]
