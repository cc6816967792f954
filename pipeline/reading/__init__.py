"""Readers of lines in columns: what sources are written with."""
