"""Tokens and price of a run and of its nodes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from test_client import BLOCKING, DETAIL, Answering

from dify_workflow import NodeUsage, RunUsage, WorkflowRunResponse
from dify_workflow.models.run import node_usage, run_usage
from support.recordings import recording
from support.replay import ReplayServer
from support.worlds import World


@pytest.mark.parametrize(
    ("name", "tokens", "prices"),
    [
        ("1.0.1/run_streaming_llm", 17, {"USD": Decimal("0.000027")}),
        ("1.16.1/run_streaming_llm", 13, {"USD": Decimal("0.000019")}),
        ("1.14.2/llm_stream_plain", 17, {"USD": Decimal("0.000027")}),
        ("1.14.2/run_streaming_iter", 0, {}),
        ("1.16.1/run_streaming_loop", 0, {}),
    ],
)
def test_a_streamed_run_tells_what_it_used(
    both: World, server: ReplayServer, name: str, tokens: int, prices: dict[str, Decimal]
) -> None:
    played = recording(name)
    url = server.handle(
        lambda exchange: exchange.whole(played.body, content_type="text/event-stream")
    )
    run = both.client(base_url=url, check_inputs=False).run_workflow({})
    assert run.usage.total_tokens == run.total_tokens == tokens
    assert run.usage.prices == prices
    costly = [node for node in run.usage.nodes if node.price]
    assert sum(node.total_tokens or 0 for node in costly) == tokens
    assert [node.node_id for node in costly] == (["llm"] if tokens else [])


def test_without_events_the_price_is_not_known(both: World, server: ReplayServer) -> None:
    client = both.client(base_url=Answering(server, DETAIL).url)
    run = client.info(DETAIL["id"])
    assert run.usage == RunUsage(run.total_tokens)
    client = both.client(base_url=Answering(server, BLOCKING).url)
    assert client.run_workflow({}, response_mode="blocking").usage.prices is None


def node(node_id: str, **others: Any) -> NodeUsage:
    return NodeUsage(node_id, **others)


def test_prices_are_added_by_currency() -> None:
    nodes = [
        node("a", total_tokens=1, price=Decimal("0.1"), currency="USD"),
        node("b", total_tokens=2, price=Decimal("0.2"), currency="USD"),
        node("c", total_tokens=3, price=Decimal(3), currency="RMB"),
        node("d"),
    ]
    usage = run_usage(6, nodes)
    assert usage.prices == {"USD": Decimal("0.3"), "RMB": Decimal(3)}
    assert usage.nodes == tuple(nodes)


def test_an_iteration_is_not_counted_beside_the_nodes_in_it() -> None:
    inner = node("llm", total_tokens=5, price=Decimal("0.5"), currency="USD", inside="iter")
    outer = node("iter", total_tokens=10, price=Decimal(1), currency="USD")
    assert run_usage(10, [inner, inner, outer]).prices == {"USD": Decimal("1.0")}
    assert run_usage(10, [outer]).prices == {"USD": Decimal(1)}


def test_a_price_of_which_a_part_was_not_seen_is_not_known() -> None:
    seen = [node("a", total_tokens=1, price=Decimal("0.1"), currency="USD")]
    assert run_usage(2, seen).prices is None
    assert run_usage(None, seen).prices is None
    assert run_usage(2, seen).nodes == tuple(seen)


@pytest.mark.parametrize(
    "cost",
    [
        None,
        "text",
        {},
        {"total_price": "free"},
        {"total_price": "NaN", "currency": 3},
        {"total_price": "9E999999", "currency": 3},
    ],
)
def test_what_a_node_does_not_report_is_none(cost: Any) -> None:
    used = node_usage({"node_id": "n", "title": "N", "execution_metadata": cost})
    assert used == NodeUsage("n", "N")


def test_usage_is_plain_json_whose_prices_keep_their_digits() -> None:
    one = node("a", total_tokens=1, price=Decimal("0.10"), currency="USD")
    run = WorkflowRunResponse("r", "succeeded", total_tokens=1, usage=run_usage(1, [one]))
    told = run.to_dict()["usage"]
    assert told["prices"] == {"USD": "0.10"}
    assert told["nodes"][0]["price"] == "0.10"
