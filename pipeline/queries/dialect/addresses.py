"""IPADDRESS: an address is a whole number of 128 bits here, IPv4 as ::ffff:a.b.c.d.

So v4 and v6 lie in one space and are compared as numbers, as Trino does. An address can be compared
and counted; to show it is to select the text that it was read from.
"""

import ipaddress

from sqlglot import exp
from sqlglot.expressions import DType

from pipeline.queries.dialect.trees import TEXTS, Cures, call, is_unknown, refuse, text

_IPV4 = 0xFFFF << 32
_TO_ADDRESS = "write contains('10.0.0.0/8', CAST(x AS IPADDRESS))"


def cure_cast(node: exp.Expr) -> exp.Expr:
    """CAST and TRY_CAST of text AS IPADDRESS."""
    if not (node.this.is_type(*TEXTS) or is_unknown(node.this)):
        raise refuse(node, "only text can be read as an address", "give it the address as text")
    return call("tr_try_ip" if isinstance(node, exp.TryCast) else "tr_ip", node.this)


def contains(node: exp.Expr) -> exp.Expr:
    """contains('10.0.0.0/8', address), and contains(array, element)."""
    network, address = node.this, node.expression
    if address.is_type(DType.IPADDRESS) and not network.is_type(DType.ARRAY):
        return _within(node, network, address)
    if network.is_type(*TEXTS):
        raise refuse(node, "a network contains addresses, not text", _TO_ADDRESS)
    return call("tr_contains", network, address)


def no_address(tree: exp.Expr) -> None:
    """Refuse an answer that would show the number which an address is here."""
    for column in tree.selects if isinstance(tree, exp.Query) else ():
        kind = column.type
        if kind and any(each.is_type(DType.IPADDRESS) for each in kind.find_all(exp.DataType)):
            raise refuse(column, "an address can be compared, not shown", "select it as text")


def _within(node: exp.Expr, network: exp.Expr, address: exp.Expr) -> exp.Expr:
    if not isinstance(network, exp.Literal) or not network.is_string:
        raise refuse(node, "the network must be written out", "write one contains for each")
    try:
        found = ipaddress.ip_network(network.name)
    except ValueError as error:
        fix = "write it as 10.0.0.0/8 or 2001:db8::/32, no bits set behind the mask"
        raise refuse(node, "this is no network for Athena", fix) from error
    if "/" not in network.name:
        raise refuse(node, "this is no network for Athena", "write /32, or /128, behind it")
    shift = _IPV4 if found.version == 4 else 0
    low, high = (int(each) + shift for each in (found.network_address, found.broadcast_address))
    within = exp.Between(this=address.copy(), low=_number(low), high=_number(high))
    return exp.Paren(this=within)


def _number(value: int) -> exp.Expr:
    return exp.Cast(this=text(str(value)), to=exp.DataType.build("uhugeint", dialect="duckdb"))


CURES: Cures = {exp.ArrayContains: contains}
