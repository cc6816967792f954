"""What holds for every saved query: its front matter and its body say the same."""

from sqlglot import exp, parse_one
from sqlglot.optimizer.scope import traverse_scope

from pipeline.cli.cells import is_number
from pipeline.errors import QueryFailed
from pipeline.queries import SavedQuery
from pipeline.queries.dialect.bridge import translate
from pipeline.queries.tables import all_views
from pipeline.queries.window import TYPES

BOUNDS = {
    "dt BETWEEN :first_day AND :last_day",
    "event_time >= :from_time",
    "event_time < :to_time",
}
LOOKBACK_BOUNDS = {
    "dt BETWEEN :lookback_day AND :last_day",
    "event_time >= :lookback_time",
    "event_time < :to_time",
}


def problems(query: SavedQuery) -> list[str]:
    """Everything that is wrong with a saved query; nothing for a good one."""
    declared = {parameter.name: parameter.type for parameter in query.params}
    try:
        translated = translate(query.sql, TYPES | declared)
    except QueryFailed as error:
        return [error.what]
    tree = parse_one(query.sql, read="athena")
    found = [f"parameter {name} is not used" for name in set(declared) - set(translated.parameters)]
    found += [f"parameter {name} is the window's" for name in set(declared) & set(TYPES)]
    if tree.named_selects != [column.name for column in query.columns]:
        found.append(f"the columns are {', '.join(tree.named_selects)}")
    return found + _unbounded(tree, query) + _unordered(tree) + _unmeasured(query)


def _unbounded(tree: exp.Expr, query: SavedQuery) -> list[str]:
    wanted = LOOKBACK_BOUNDS if query.lookback else BOUNDS
    found = []
    for scope in traverse_scope(tree):
        tables = [source for source in scope.sources.values() if isinstance(source, exp.Table)]
        where = scope.expression.args.get("where")
        said = {each.sql("athena") for each in where.this.flatten()} if where else set()
        if tables and not (said.issuperset(BOUNDS) or said.issuperset(wanted)):
            found.append(f"{tables[0].name} is read without bounds")
    return found


def _unmeasured(query: SavedQuery) -> list[str]:
    """Numbers that say of nothing how much; those that tables have without a unit are names."""
    names = {field.name for table in all_views().values() for field in table if not field.unit}
    return [
        f"{column.name} has no unit"
        for column in query.columns
        if is_number(column) and not column.unit and column.name not in names
    ]


def _unordered(tree: exp.Expr) -> list[str]:
    order, limit, group = (tree.args.get(name) for name in ("order", "limit", "group"))
    if not order or not limit or limit.expression.sql("athena") != ":top":
        return ["it has no ORDER BY and LIMIT :top"]
    ordered = {each.this.name for each in order.expressions}
    names = {select.unalias().sql("athena"): select.alias_or_name for select in tree.selects}
    keys = [
        tree.selects[int(key.name) - 1].alias_or_name
        if key.is_int
        else names.get(key.sql("athena"), key.name)
        for key in (group.expressions if group else ())
    ]
    return [f"{key} does not break ties" for key in keys if key not in ordered]
