"""ORDER BY: a name in it is an output of the query first, and a column of its tables else.

DuckDB takes the output where the name stands alone, and the column inside of an expression.
"""

from collections.abc import Iterator

from sqlglot import exp

from pipeline.queries.dialect.trees import refuse

_OUTPUT = "tr_output"
_FIX = "give the output another name, or write table.column"


def mark(tree: exp.Expr) -> None:
    """Mark the names in expressions of ORDER BY that are outputs; before names are resolved."""
    for select in tree.find_all(exp.Select):
        outputs = {column.alias_or_name.lower() for column in select.selects}
        for column in _inside(select):
            if not column.table and column.name.lower() in outputs:
                if column.find_ancestor(exp.AggFunc, exp.Select) is not select:
                    raise refuse(column, "ORDER BY gathers an output, not the column", _FIX)
                column.meta[_OUTPUT] = True


def show(tree: exp.Expr) -> None:
    """Write out what they stand for."""
    for select in list(tree.find_all(exp.Select)):
        names = [column.alias_or_name.lower() for column in select.selects]
        for column in list(_inside(select)):
            if column.meta.get(_OUTPUT):
                name = column.name.lower()
                if names.count(name) > 1:
                    raise refuse(column, "two columns of the answer have this name", _FIX)
                output = select.selects[names.index(name)].unalias()
                column.replace(exp.Paren(this=output.copy()))


def _inside(select: exp.Expr) -> Iterator[exp.Column]:
    """Columns in the expressions of ORDER BY, subqueries with them."""
    order = select.args.get("order")
    for ordered in order.expressions if order else ():
        if not isinstance(ordered.this, exp.Column):
            yield from ordered.find_all(exp.Column)
