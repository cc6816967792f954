"""log.db: its schema, and transactions over it. The SQL of each part lives with that part."""

from pipeline.store.database import Store, exists

__all__ = ["Store", "exists"]
