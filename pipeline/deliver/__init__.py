"""Adapters for the sink and the quarantine."""
