"""Files derived from the declarations: python -m pipeline.derive writes them, --check compares."""
