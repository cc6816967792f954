"""Counters of what is hot: by minute, each event once; and what they answer."""
