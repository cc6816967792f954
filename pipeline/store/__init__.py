"""log.db: its schema, and transactions over it. The SQL of each part lives with that part."""

from pipeline.store.database import Edge, Store, exists
from pipeline.store.identity import identity_of

__all__ = ["Edge", "Store", "exists", "identity_of"]
