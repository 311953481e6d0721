"""Every call has timeouts, and every method takes its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dify_workflow import APITimeoutError, DifyWorkflow, InvalidRequestError, StreamInterruptedError
from support.events import RUN
from support.pace import hurried
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE
from support.worlds import World

METHODS = {
    name: inspect.signature(method)
    for name, method in vars(DifyWorkflow).items()
    if not name.startswith("_")
}
CALLS = sorted(METHODS.keys() - {"with_options", "close", "wait_for_run"})
"""Every method that sends a request, but for `wait_for_run`, which sends it several times."""

ARGUMENTS: dict[str, Any] = {
    "str": RUN,
    "FileSource": b"x",
    "Mapping[str, JSON]": {},
    "WorkflowRunRequest | Mapping[str, JSON]": {},
}
"""A value for each type of a required argument."""

SENT_BY: dict[str, Callable[[Any], Any]] = {
    "WorkflowStream": lambda stream: stream.result(),
    "MediaStream": lambda media: media.read(),
    "LogIterator": next,
    "LogTail": next,
}
"""What sends the request, by the type that a method returns without sending it."""


def call(client: Any, name: str, **options: Any) -> Any:
    """Call a method as its signature asks."""
    _, *parameters = METHODS[name].parameters.values()
    required = [each for each in parameters if each.default is each.empty]
    given = [ARGUMENTS[each.annotation] for each in required]
    if {"request", "inputs"} <= set(METHODS[name].parameters):  # inputs may stand in either
        options["inputs"] = {}
    found = getattr(client, name)(*given, **options)
    return SENT_BY.get(METHODS[name].return_annotation, lambda answer: answer)(found)


def test_every_method_takes_a_timeout_but_close() -> None:
    assert {name for name in METHODS if "timeout" not in METHODS[name].parameters} == {"close"}


@pytest.mark.parametrize("name", CALLS)
def test_a_timeout_of_its_own_bounds_a_call(name: str, both: World, server: ReplayServer) -> None:
    url = server.handle(lambda exchange: exchange.wait_until_left() and None)
    client = both.client(base_url=url, check_inputs=False, max_retries=0, recover=False)
    silence = rf"{name}: the server was silent for 0\.3 s"
    with pytest.raises(APITimeoutError, match=silence):
        call(client, name, timeout=httpx.Timeout(PATIENCE, read=0.3))
    # A busy machine may take as long to connect.
    with pytest.raises(APITimeoutError, match=rf"{silence}|connecting took longer than 0\.3 s"):
        call(client, name, timeout=0.3)
    with pytest.raises(InvalidRequestError, match="timeout must be a number of seconds above zero"):
        call(client, name, timeout=0)


def test_a_timeout_of_its_own_bounds_each_call_that_waiting_for_a_run_takes(
    both: World, server: ReplayServer
) -> None:
    url = server.handle(lambda exchange: exchange.wait_until_left() and None)
    client = hurried(both.client(base_url=url, lost_run_timeout=1.0))
    with pytest.raises(StreamInterruptedError, match=r"the server was silent for 0\.3 s"):
        client.wait_for_run(RUN, timeout=0.3)


def test_a_timeout_of_none_means_no_limit_and_overrides_the_clients(
    both: World, server: ReplayServer
) -> None:
    answer = recording("1.14.2/get_info_echo")

    asked: list[Exchange] = []

    def handler(exchange: Exchange) -> None:
        asked.append(exchange)
        if not exchange.wait_until_left(PATIENCE if len(asked) == 1 else 0.6):
            exchange.whole(answer.body, answer.status)

    client = both.client(base_url=server.handle(handler), timeout=0.3, max_retries=0)
    with pytest.raises(APITimeoutError):
        client.app_info()
    assert client.app_info(timeout=None).name == "echo"
    assert client.with_options(timeout=None).app_info().name == "echo"
