"""Tailrace: logs become answers while they are still warm.

The way of a batch: triggers -> decode -> sources -> enrich -> deliver; what cannot become a row
goes to the quarantine with its reason and its bytes.
"""

__version__ = "0.1.0"
