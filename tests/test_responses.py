"""`on_response` gets the status and headers of every answer; the log shows them, too."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from test_client import DETAIL, KEY, Answering

from dify_workflow import ConfigurationError, NotFoundError, ResponseInfo
from dify_workflow.emulator import Emulator
from support.replay import Exchange, ReplayServer
from support.worlds import World


def test_on_response_gets_the_head_of_each_answer(both: World, server: ReplayServer) -> None:
    answering = Answering(server, DETAIL, x_trace_id="abc", x_echo=f"Bearer {KEY}")
    seen: list[ResponseInfo] = []
    both.client(base_url=answering.url, on_response=seen.append).info(DETAIL["id"])
    (told,) = seen
    assert (told.operation, told.method, told.status_code) == ("info", "GET", 200)
    assert told.headers["x-trace-id"] == "abc"
    assert told.headers["x-echo"] == "Bearer ***"
    assert told.elapsed_time >= 0
    assert KEY not in repr(told)


def test_on_response_gets_retries_refusals_and_streams_too(
    both: World, server: ReplayServer
) -> None:
    statuses = [503, 404]

    def answer(exchange: Exchange) -> None:
        exchange.whole(json.dumps({}).encode(), status=statuses.pop(0), retry_after="0")

    seen: list[ResponseInfo] = []
    client = both.client(base_url=server.handle(answer), on_response=seen.append)
    with pytest.raises(NotFoundError):
        client.app_info()
    assert [told.status_code for told in seen] == [503, 404]


def test_on_response_gets_a_stream_and_the_requests_before_it(
    both: World, emulator: Emulator
) -> None:
    seen: list[ResponseInfo] = []
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    watched = client.with_options(on_response=seen.append)
    watched.run_workflow({"name": "Ann"})
    assert seen[-1].operation == "run_workflow"
    assert seen[-1].headers["content-type"].startswith("text/event-stream")
    before = len(seen)
    client.app_info()
    assert len(seen) == before


def test_each_on_response_gets_only_its_own_calls(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        told: dict[int, list[ResponseInfo]] = {number: [] for number in range(8)}

        def call(number: int) -> None:
            watched = client.with_options(on_response=told[number].append)
            if number % 2:
                watched.logs(limit=1)
            else:
                watched.app_info()

        threads = [threading.Thread(target=call, args=(number,)) for number in told]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for number, infos in told.items():
        assert {info.operation for info in infos} == {"logs" if number % 2 else "app_info"}


def test_what_the_callback_raises_ends_no_call(
    both: World, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: ResponseInfo) -> None:
        raise RuntimeError("of the user")

    answering = Answering(server, DETAIL)
    client = both.client(base_url=answering.url, on_response=fail)
    assert client.info(DETAIL["id"]).id == DETAIL["id"]
    assert "on_response raised" in caplog.text
    assert "of the user" in caplog.text


def test_what_cannot_be_called_is_refused(both: World) -> None:
    with pytest.raises(ConfigurationError, match="on_response must be a function"):
        both.client(on_response="print")


# -------------------------------------------------------------------------------------- logging


def test_log_lines_of_a_run_have_its_id(
    both: World, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "dify_workflow")
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    run = client.run_workflow({"name": "Ann"})
    client.info(run.id)
    client.stop_workflow_stream(run.task_id)
    lines = [record.getMessage() for record in caplog.records]
    assert f"run_workflow: run {run.id}, task {run.task_id}" in lines
    assert any(
        line.startswith(f"info (run {run.id}): GET /workflows/run/{run.id}: 200 after ")
        for line in lines
    )
    assert any(
        "200 after " in line
        and line.startswith(f"stop_workflow_stream (task {run.task_id}): POST ")
        for line in lines
    )


PROGRAM = """
import logging, sys
from dify_workflow import DifyWorkflow
if "own" in sys.argv:
    logging.basicConfig(format="own %(message)s")
for _ in range(2):  # a second client adds no second handler
    with DifyWorkflow() as client:
        client.app_info()
logging.getLogger("dify_workflow").warning("evil \\x1b[2J")
"""


def logged(emulator: Emulator, level: str, *arguments: str) -> Any:
    environment = {
        "DIFY_LOG": level,
        "DIFY_BASE_URL": emulator.base_url,
        "DIFY_API_KEY": "app-echo",
        "PATH": str(Path(sys.executable).parent),
    }
    return subprocess.run(  # this Python
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_dify_log_writes_the_log_on_stderr(emulator: Emulator) -> None:
    done = logged(emulator, "debug")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("DEBUG app_info: GET /info: 200 after") == 2
    assert "WARNING evil \\x1b[2J" in done.stderr
    assert "app-echo" not in done.stderr
    assert done.stdout == ""


def test_without_debug_there_are_warnings_alone(emulator: Emulator) -> None:
    assert "DEBUG" not in logged(emulator, "warning").stderr
    assert "DEBUG" not in logged(emulator, "").stderr


def test_a_program_that_logs_itself_gets_no_second_handler(emulator: Emulator) -> None:
    done = logged(emulator, "DEBUG", "own")
    assert done.stderr.count("own app_info: GET /info: 200 after") == 2
    assert "DEBUG app_info" not in done.stderr


def test_another_word_in_dify_log_is_refused(emulator: Emulator) -> None:
    done = logged(emulator, "loud")
    assert "DIFY_LOG must be one of debug, info, warning, not 'loud'." in done.stderr
    assert done.returncode != 0
