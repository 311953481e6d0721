"""Answers of another shape than the API's are errors that name the field and the run."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from dify_workflow import (
    InvalidResponseError,
)
from support.answering import BLOCKING, Answering
from support.events import FINISHED, RUN, TASK
from support.recordings import recording
from support.replay import ReplayServer
from support.worlds import World

DETAIL = json.loads(recording("1.14.2/ev1_detail_finished").body)
LOGS = json.loads(recording("1.14.2/logs_burst_all").body)


@pytest.mark.parametrize("status", [None, 7, ""])
def test_a_blocking_answer_without_a_status_is_no_success(
    status: Any, both: World, server: ReplayServer
) -> None:
    run = {"id": RUN, **FINISHED, "status": status}
    answering = Answering(server, {"workflow_run_id": RUN, "task_id": TASK, "data": run})
    client = both.client(base_url=answering.url, recover=False)
    with pytest.raises(InvalidResponseError, match="of an unexpected shape"):
        client.run_workflow({}, response_mode="blocking")


def test_a_blocking_answer_that_cannot_be_read_gives_the_ids_that_it_names(
    both: World, server: ReplayServer
) -> None:
    answering = Answering(server, {"workflow_run_id": RUN, "task_id": TASK, "data": "…"})
    client = both.client(base_url=answering.url)
    with pytest.raises(InvalidResponseError, match="of an unexpected shape") as caught:
        client.run_workflow({}, response_mode="blocking")
    error = caught.value
    assert (error.run_id, error.task_id, error.outcome) == (RUN, TASK, "running")
    assert RUN in str(error)
    assert len(answering.requests) == 1  # the log is not searched for a run whose id is known


@pytest.mark.parametrize("run_id", [None, 7, [], {}])
def test_a_blocking_answer_without_an_id_is_no_result(
    run_id: Any, both: World, server: ReplayServer
) -> None:
    answering = Answering(server, {**BLOCKING, "workflow_run_id": run_id})
    client = both.client(base_url=answering.url, recover=False)
    with pytest.raises(InvalidResponseError, match="workflow_run_id: expected text, got") as caught:
        client.run_workflow({}, response_mode="blocking")
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {**BLOCKING, "workflow_run_id": 7},
            "run_workflow: .*workflow_run_id: expected text, got 7",
        ),
        ({"workflow_run_id": RUN, "data": 7}, "data: expected an object, got 7"),
        ({"workflow_run_id": RUN, "data": None}, "data: expected an object, got null"),
        (
            {"workflow_run_id": RUN, "data": {**FINISHED, "status": 7}},
            f"run_workflow: .* run {RUN}.*status: expected text, got 7",
        ),
    ],
)
def test_an_answer_of_another_shape_is_an_error_that_names_the_field(
    answer: Any, said: str, both: World, server: ReplayServer
) -> None:
    answering = Answering(server, answer)
    client = both.client(base_url=answering.url, recover=False)
    with pytest.raises(InvalidResponseError, match=said):
        client.run_workflow({}, response_mode="blocking")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("id", 7, "id: expected text, got 7"),
        ("inputs", "{", "inputs: expected JSON, got {"),
        ("created_at", "soon", "created_at: expected a time, got soon"),
    ],
)
def test_a_run_detail_of_another_shape_is_an_error_that_names_the_field(
    name: str, value: Any, said: str, both: World, server: ReplayServer
) -> None:
    answering = Answering(server, {"id": RUN, **FINISHED, name: value})
    client = both.client(base_url=answering.url)
    with pytest.raises(InvalidResponseError, match=f"info: .*{re.escape(said)}"):
        client.info(RUN)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (7, "data: expected a list, got 7"),
        ([7], "data[0]: expected an object, got 7"),
        ([{"id": 7}], "id of a row: expected text, got 7"),
        (
            [{"id": RUN, "created_at": "soon"}],
            f"created_at of row {RUN}: expected a time, got soon",
        ),
    ],
)
def test_a_page_of_the_log_of_another_shape_is_an_error_that_names_the_field(
    rows: Any, said: str, both: World, server: ReplayServer
) -> None:
    page = {"page": 1, "limit": 20, "total": 1, "has_more": False, "data": rows}
    client = both.client(base_url=Answering(server, page).url)
    with pytest.raises(InvalidResponseError, match=f"logs: .*{re.escape(said)}"):
        client.logs()


@pytest.mark.parametrize("run_id", [None, 7, "x", "x" * 10_000])
def test_an_unreadable_answer_with_an_id_that_is_none_leaves_the_run_unknown(
    run_id: Any, both: World, server: ReplayServer
) -> None:
    answering = Answering(server, {"workflow_run_id": run_id, "data": "…"})
    client = both.client(base_url=answering.url, recover=False)
    with pytest.raises(InvalidResponseError, match="of an unexpected shape") as caught:
        client.run_workflow({}, response_mode="blocking")
    assert (caught.value.run_id, caught.value.outcome) == (None, "unknown")
