"""Every call has bounds, and every method takes some of its own."""

from __future__ import annotations

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

CALLS: dict[str, Callable[..., Any]] = {
    "run_workflow": lambda client, **more: client.run_workflow({}, **more),
    "run_workflow_stream": lambda client, **more: client.run_workflow_stream({}, **more).result(),
    "submit_workflow": lambda client, **more: client.submit_workflow({}, **more),
    "resume_workflow_stream": lambda client, **more: client.resume_workflow_stream(
        RUN, **more
    ).result(),
    "stop_workflow_stream": lambda client, **more: client.stop_workflow_stream("task", **more),
    "info": lambda client, **more: client.info(RUN, **more),
    "logs": lambda client, **more: client.logs(**more),
    "iter_logs": lambda client, **more: next(client.iter_logs(**more)),
    "tail_logs": lambda client, **more: next(client.tail_logs(**more)),
    "human_input_form": lambda client, **more: client.human_input_form("token", **more),
    "submit_human_input_form": lambda client, **more: client.submit_human_input_form(
        "token", "go", {}, **more
    ),
    "upload_file": lambda client, **more: client.upload_file(b"x", **more),
    "file_preview": lambda client, **more: client.file_preview(RUN, **more).read(),
    "app_info": lambda client, **more: client.app_info(**more),
    "parameters": lambda client, **more: client.parameters(**more),
    "meta": lambda client, **more: client.meta(**more),
    "site": lambda client, **more: client.site(**more),
    "end_user": lambda client, **more: client.end_user(RUN, **more),
    "audio_to_text": lambda client, **more: client.audio_to_text(b"x", **more),
    "text_to_audio": lambda client, **more: client.text_to_audio("x", **more).read(),
}
"""Every method that sends a request, but for `wait_for_run`, which sends it several times."""


def test_every_method_that_sends_a_request_takes_a_timeout() -> None:
    without = {"with_options", "close", "wait_for_run"}
    methods = {name for name in vars(DifyWorkflow) if not name.startswith("_")} - without
    assert methods == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_timeout_of_its_own_bounds_a_call(name: str, both: World, server: ReplayServer) -> None:
    url = server.handle(lambda exchange: exchange.wait_until_left() and None)
    client = both.client(base_url=url, check_inputs=False, max_retries=0, recover=False)
    for timeout in (0.3, httpx.Timeout(30, read=0.3)):
        with pytest.raises(APITimeoutError, match=rf"{name}: the server was silent for 0\.3 s"):
            CALLS[name](client, timeout=timeout)
    with pytest.raises(InvalidRequestError, match="timeout must be seconds above zero"):
        CALLS[name](client, timeout=0)


def test_a_timeout_of_its_own_bounds_each_call_that_waiting_for_a_run_takes(
    both: World, server: ReplayServer
) -> None:
    url = server.handle(lambda exchange: exchange.wait_until_left() and None)
    client = hurried(both.client(base_url=url, lost_run_timeout=1.0))
    with pytest.raises(StreamInterruptedError, match=r"the server was silent for 0\.3 s"):
        client.wait_for_run(RUN, timeout=0.3)


def test_a_timeout_of_none_is_no_bound_and_goes_before_the_clients(
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
