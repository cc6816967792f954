"""Athena's dialect on DuckDB: read, checked, typed by the tables, cured, written.

Wrong answers matter more than failures: what DuckDB would answer differently is made equal or
refused.
"""

import re
from collections.abc import Mapping

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from pipeline.errors import QueryFailed
from pipeline.queries import window
from pipeline.queries.dialect import cures, grammar, orders, returns, syntax
from pipeline.queries.tables import all_views, columns_of, name_of
from pipeline.queries.translated import Translation

# Names of columns in the queries that AWS publishes, and what stands here for them.
OF_AWS: Mapping[str, str] = {
    "date": "CAST(dt AS date)",
    "day": "CAST(dt AS date)",
    "start": "start_time",
    "starttime": "start_time",
    "end": "end_time",
    "endtime": "end_time",
    "account": "account_id",
    "interfaceid": "interface_id",
    "sourceaddress": "srcaddr",
    "destinationaddress": "dstaddr",
    "sourceport": "srcport",
    "destinationport": "dstport",
    "numpackets": "packets",
    "numbytes": "bytes",
    "logstatus": "log_status",
}


def to_duckdb(sql: str, parameters: Mapping[str, str] = window.TYPES) -> str:
    """The statement for DuckDB; see `translate`."""
    return translate(sql, parameters).sql


def translate(sql: str, parameters: Mapping[str, str] = window.TYPES) -> Translation:
    """One SELECT of Athena's dialect as DuckDB's; `parameters`: SQL type by name.

    `:name` becomes `$name`, to be bound. Raises QueryFailed for what cannot be read, is not allowed
    or would be answered differently.
    """
    try:
        return _translate(sql, parameters)
    except RecursionError as error:
        raise QueryFailed("the SQL is nested too deeply", "", "write it in steps: WITH") from error


def _translate(sql: str, parameters: Mapping[str, str]) -> Translation:
    tree = syntax.read(sql)
    views = _views(tree)
    schema = _schema(views)
    typed_by = MappingSchema(dict(schema), dialect=syntax.ATHENA)
    used = _type_parameters(tree, parameters)
    _name_columns(tree)
    _type_decimals(tree)
    quoted = {
        identifier.name.lower(): identifier.name
        for identifier in tree.find_all(exp.Identifier)
        if identifier.quoted
    }
    orders.mark(tree)
    try:
        named = qualify(tree, schema=typed_by, dialect=syntax.ATHENA, expand_alias_refs=False)
        orders.show(named)
        grammar.check_distinct(named)
        cured = cures.apply(returns.annotate(named, typed_by))
        text = cured.sql("duckdb", pretty=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise _unresolved(error, schema, quoted) from error
    return Translation(text, tuple(views), used)


def _views(tree: exp.Expr) -> list[str]:
    try:
        return syntax.tables_of(tree)
    except SqlglotError as error:
        raise _unresolved(error, {}, {}) from error


def _schema(views: list[str]) -> dict[str, dict[str, str]]:
    tables = all_views()
    for view in views:
        if name_of(view) not in tables:
            hint = syntax.near(view, list(tables)) or f"known: {', '.join(tables)}"
            raise QueryFailed(f"there is no table {view}", "", hint)
    return {view: columns_of(tables[name_of(view)]) for view in views}


def _type_parameters(tree: exp.Expr, types: Mapping[str, str]) -> tuple[str, ...]:
    used = []
    for placeholder in list(tree.find_all(exp.Placeholder)):
        name = placeholder.name
        if name not in types:
            hint = f"known: {', '.join(types)}"
            raise QueryFailed(f"the parameter :{name} is not declared", "", hint)
        to = exp.DataType.build(types[name], dialect=syntax.ATHENA)
        cast = exp.Cast(this=placeholder.copy(), to=to)
        placeholder.replace(cast)
        used.append(name)
    return tuple(dict.fromkeys(used))


def _name_columns(tree: exp.Expr) -> None:
    """Give columns without a name the one that Trino gives them."""
    if isinstance(tree, exp.Select):
        for index, column in enumerate(tree.selects):
            if not isinstance(column, exp.Alias | exp.Column | exp.Star):
                column.replace(exp.alias_(column.copy(), f"_col{index}"))


def _type_decimals(tree: exp.Expr) -> None:
    # In Trino 1.5 is a decimal; sqlglot would take it for a double.
    for literal in list(tree.find_all(exp.Literal)):
        if not literal.is_string and "." in literal.name and "e" not in literal.name.lower():
            whole, _, part = literal.name.partition(".")
            digits = max(len(whole.lstrip("0")) + len(part), 1)
            to = exp.DataType.build(f"decimal({digits}, {len(part)})")
            literal.replace(exp.Cast(this=literal.copy(), to=to))


def _unresolved(
    error: SqlglotError,
    schema: Mapping[str, Mapping[str, str]],
    quoted: Mapping[str, str],
) -> QueryFailed:
    first = str(error).splitlines()[0].replace('"', "").replace("'", "")
    what, _, place = first.partition(" Line: ")
    known = sorted({column for columns in schema.values() for column in columns})
    missing = re.match(r"Column (.+) could not", what)
    name = missing[1] if missing else ""
    ours = OF_AWS.get(name.lower().rpartition(".")[2])
    if ours:
        hint = f"AWS's examples call it so; here it is {ours}"
    elif name in quoted:
        hint = f"text takes single quotes: '{quoted[name]}'"
    else:
        hint = syntax.near(name, known) or "all columns: tailrace tables"
    where = f"line {place.partition(',')[0]}" if place else ""
    return QueryFailed(f"the SQL does not hold together: {what}", where, hint)
