"""What a run used: tokens and money, as far as its events tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import ClassVar

import attrs

from .._json import JSON, JSONObject, is_object
from .._record import Columns, Record, columns


@attrs.frozen(repr=False)
class NodeUsage(Record):
    """What one execution of a node used; of an iteration or loop, a node is executed several times.

    Args:
        node_id: Id of the node.
        node_title: Title of the node.
        total_tokens: Tokens that its model calls used; None where it called none.
        price: What they cost, in `currency`; None where the server does not say.
        currency: Currency of the price, such as ``"USD"``.
        inside: Id of the iteration or loop around it; None where there is none.
    """

    node_id: str
    node_title: str | None = None
    total_tokens: int | None = None
    price: Decimal | None = None
    currency: str | None = None
    inside: str | None = None

    __dataclass_fields__: ClassVar[Columns] = columns(
        "node_id", "node_title", "total_tokens", "price", "currency", "inside"
    )


@attrs.frozen(repr=False)
class RunUsage(Record):
    """What a run used.

    Args:
        total_tokens: Tokens of the run, as the server counts them; None where it does not say.
        prices: What the run cost, by currency; None where that is not known, because not all of its
            events were seen: the tokens of `nodes` do not add up to those of the run.
        nodes: What each node used, in the order in which they ended; empty without events, as of a
            blocking call and of run detail.
    """

    total_tokens: int | None = None
    prices: Mapping[str, Decimal] | None = None
    nodes: tuple[NodeUsage, ...] = ()


def node_usage(data: JSONObject) -> NodeUsage:
    """What a node used.

    Args:
        data: Payload of the event that tells its end.
    """
    told: JSON = data.get("execution_metadata")
    cost: JSONObject = told if is_object(told) else {}
    return NodeUsage(
        node_id=str(data.get("node_id")),
        node_title=_text(data.get("title")),
        total_tokens=_count(cost.get("total_tokens")),
        price=_amount(cost.get("total_price")),
        currency=_text(cost.get("currency")),
        inside=_text(data.get("iteration_id"))
        or _text(cost.get("iteration_id"))
        or _text(data.get("loop_id"))
        or _text(cost.get("loop_id")),
    )


def run_usage(total_tokens: int | None, nodes: Sequence[NodeUsage]) -> RunUsage:
    """What a run used.

    Args:
        total_tokens: Tokens of the run, as the server counts them.
        nodes: What each of its nodes used, as far as that was told.
    """
    told_inside = {node.inside for node in nodes if node.total_tokens or node.price}
    counted = [node for node in nodes if node.node_id not in told_inside]  # else it counts twice
    if total_tokens is None or sum(node.total_tokens or 0 for node in counted) != total_tokens:
        return RunUsage(total_tokens, None, tuple(nodes))
    prices: dict[str, Decimal] = {}
    for node in counted:
        if node.price and node.currency:
            prices[node.currency] = prices.get(node.currency, Decimal(0)) + node.price
    return RunUsage(total_tokens, prices, tuple(nodes))


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: JSON) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _amount(value: JSON) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
