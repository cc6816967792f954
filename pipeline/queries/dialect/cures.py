"""What DuckDB would silently answer differently from Trino, rewritten until it does not.

A cure takes a typed node of Athena's tree and returns what takes its place, or None to leave it.
Where no short cure exists the node is refused. The values were measured on Trino 476; the cure of a
function is in the module of its subject, under the class that sqlglot has for it or, in NAMED,
under its name.
"""

from sqlglot import exp

from pipeline.queries.dialect import (
    addresses,
    arrays,
    casts,
    comparisons,
    dates,
    json,
    kinds,
    maps,
    nans,
    numbers,
    patterns,
    texts,
    urls,
)  # fmt: skip
from pipeline.queries.dialect.trees import Cures, Named

CURES: Cures = {
    **casts.CURES,
    **comparisons.CURES,
    **numbers.CURES,
    **texts.CURES,
    **patterns.CURES,
    **dates.CURES,
    **arrays.CURES,
    **addresses.CURES,
    **nans.CURES,
    **json.CURES,
}
NAMED: Named = {
    **numbers.NAMED,
    **texts.NAMED,
    **dates.NAMED,
    **arrays.NAMED,
    **maps.NAMED,
    **urls.NAMED,
    **json.NAMED,
}


def apply(tree: exp.Expr) -> exp.Expr:
    """Cure a whole tree, innermost first: a cure may look at the types of what is inside."""
    addresses.no_address(tree)
    # Around the tree, so that its root can be replaced like any other node.
    root = exp.Paren(this=tree)
    for node in reversed(list(tree.walk())):
        kinds.check(node)
        cure = (
            NAMED.get(node.name.lower()) if type(node) is exp.Anonymous else CURES.get(type(node))
        )
        cured = cure(node) if cure else None
        if cured is not None:
            cured.type = node.type
            node.replace(cured)
    cured_tree: exp.Expr = root.this
    return cured_tree
