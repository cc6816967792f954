"""Benchmarks: a seeded corpus, a row-wise base in plain Python, and a harness that compares.

Absolute times of one machine say little; every figure is a ratio against the base of the same run.
"""
