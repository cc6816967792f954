"""A number for the identities of some rows, whatever order they come in.

So it can be told later whether a record would become the same rows again.
"""

import numpy as np

# splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014)
GAMMA, FIRST, SECOND = (
    np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


def sums(time: np.ndarray, record_id: np.ndarray, record: np.ndarray, records: int) -> list[int]:
    """By record: the sum of what (event time, record id) of its rows are hashed to, as int64.

    time, record_id  int64, one a row; `record` the index of the record of each row
    """
    mixed = time.view(np.uint64) * GAMMA + record_id.view(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * SECOND
    mixed ^= mixed >> np.uint64(31)
    found = np.zeros(records, np.uint64)
    np.add.at(found, record, mixed)
    return found.view(np.int64).tolist()
