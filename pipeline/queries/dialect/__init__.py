"""Athena's dialect on DuckDB, and as Athena itself is asked.

bridge.py reads, checks, types, cures and writes; the allowed functions are in functions.py, the
cures in the modules that cures.py brings together. How the same text is asked of Athena is in
athena.py. Importing the package itself loads no sqlglot.
"""
