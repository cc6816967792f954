"""Files that derive from the declarations; `python -m pipeline.derive` writes them, --check looks.
"""
