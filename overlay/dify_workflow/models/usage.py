"""What a run used: tokens and money, from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import ClassVar

import attrs

from .._json import JSON, JSONObject, is_object
from .._record import Columns, Record, columns

_MOST_DIGITS = 30
"""Digits before or behind the point that no price has; adding larger numbers may fail."""


@attrs.frozen(repr=False)
class NodeUsage(Record):
    """What one execution of a node used. In an iteration or loop a node is executed several times.

    Args:
        node_id: Id of the node.
        node_title: Title of the node.
        total_tokens: Tokens used by its model calls; None if it made none.
        price: Price of these tokens, in `currency`; None if the server does not say.
        currency: Currency of the price, such as ``"USD"``.
        inside: Id of the iteration or loop that contains the node; None if there is none.
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
        total_tokens: Tokens of the run, as the server counts them; None if it does not say.
        prices: Price of the run, by currency. None if some events were missed, so that the tokens
            of `nodes` do not add up to `total_tokens`.
        nodes: What each node used, in the order in which they ended. Empty for a blocking call and
            for run detail (`info`), which have no events.

    Example::

        run = workflow.run_workflow({"name": "Ann"})
        for node in run.usage.nodes:
            print(node.node_title, node.total_tokens, node.price, node.currency)
    """

    total_tokens: int | None = None
    prices: Mapping[str, Decimal] | None = None
    nodes: tuple[NodeUsage, ...] = ()


def node_usage(data: JSONObject) -> NodeUsage:
    """What a node used.

    Args:
        data: The ``data`` of its `NodeFinished` event.
    """
    metadata: JSON = data.get("execution_metadata")
    cost: JSONObject = metadata if is_object(metadata) else {}
    return NodeUsage(
        node_id=str(data.get("node_id")),
        node_title=_text(data.get("title")),
        total_tokens=_count(cost.get("total_tokens")),
        price=price_of(cost.get("total_price")),
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
        nodes: What each of its nodes used, as far as it is known.
    """
    # An iteration or loop repeats the tokens of the nodes that it contains.
    containers = {node.inside for node in nodes if node.total_tokens or node.price}
    counted = [node for node in nodes if node.node_id not in containers]
    if total_tokens is None or sum(node.total_tokens or 0 for node in counted) != total_tokens:
        return RunUsage(total_tokens, None, tuple(nodes))
    prices = sum_of({node.currency: node.price} for node in counted if node.price and node.currency)
    return RunUsage(total_tokens, prices, tuple(nodes))


def sum_of(prices: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """The sum of prices, by currency."""
    total: dict[str, Decimal] = {}
    for each in prices:
        for currency, price in each.items():
            total[currency] = total.get(currency, Decimal(0)) + price
    return total


def price_of(value: JSON) -> Decimal | None:
    """A price as a server sends it, a text or a number; None if it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    is_price = amount.is_finite() and abs(amount.adjusted()) <= _MOST_DIGITS
    return amount if is_price else None


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: JSON) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
