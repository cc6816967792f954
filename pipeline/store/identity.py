"""Which log.db this is: a new one gives the sequence numbers that another gave before.

Whoever keeps such numbers in another file keeps the id of the log with them.
"""

from pipeline.store.database import Store


def identity_of(store: Store) -> str:
    """The id of an open log.db, made when it is asked for first: 32 hex digits.

    Raises DeliveryError when it cannot be written.
    """
    with store.transaction() as connection:
        connection.execute("create table if not exists identity (id text primary key)")
        connection.execute(
            "insert into identity select lower(hex(randomblob(16)))"
            " where not exists (select 1 from identity)"
        )
        found = connection.execute("select id from identity").fetchone()
    return str(found[0])
