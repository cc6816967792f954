"""Erasure: a person's data leaves the home.

What is pure serves both homes: whose data (`subject`), which rows (`predicate`), what is said of it
(`receipt`), what is left of an object (`objects`). Beside it stand the parts of the embedded home:
its lake (`rows`), its quarantine (`kept`), and the order of it all (`embedded`).
"""
