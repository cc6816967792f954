"""A deployed stack as seen from outside: what it is called, how it is, whether its ledger balances.

Everything here asks AWS as who runs the command; nothing of it runs in a function.
"""
