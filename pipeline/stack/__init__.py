"""A deployed stack, looked at from outside: its audit, its health, what failed sent again."""
