"""The embedded stream: a durable log with shards and sequence numbers, and what fills it."""
