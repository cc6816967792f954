"""The lake: which files it has (the catalogue) and how they are looked at (the views)."""
