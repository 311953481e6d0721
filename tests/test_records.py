"""Results, rows and events as plain JSON, as table rows, and as a short repr."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest
from test_client import BLOCKING, DETAIL, FILE, LOGS, Answering

from dify_workflow import (
    DifyPageResult,
    DifyWorkflow,
    HumanInputForm,
    NodeFinished,
    TextChunk,
    WorkflowLogs,
    WorkflowLogsRequest,
    WorkflowRunResponse,
)
from dify_workflow._record import text_of
from dify_workflow.batch import iter_batch
from dify_workflow.emulator import Emulator
from support.replay import ReplayServer
from support.worlds import World

RUN = WorkflowRunResponse(
    id="r1",
    status="failed",
    message="out of paper",
    outputs={"text": "x" * 5000},
    created_at=1_796_051_995,
    finished_at=1_796_051_996,
    raw={"secret": "of the answer"},
)


def test_the_error_of_a_run_has_the_name_that_people_look_for() -> None:
    assert RUN.error == RUN.message == "out of paper"
    assert WorkflowRunResponse(id="r1", status="succeeded").error is None


def test_times_are_aware_datetimes_too() -> None:
    assert RUN.created_time == datetime(2026, 11, 30, 15, 19, 55, tzinfo=UTC)
    assert RUN.finished_time == datetime(2026, 11, 30, 15, 19, 56, tzinfo=UTC)
    form = HumanInputForm("t", "", (), (), {}, expires_at=0)
    assert form.expires_time == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [None, 10**20, -(10**20), float("nan")])
def test_a_time_outside_the_calendar_is_none(seconds: Any) -> None:
    assert WorkflowRunResponse(id="r1", status="running", created_at=seconds).created_time is None


@pytest.mark.parametrize("method", ["run", "detail", "page", "upload"])
def test_answers_are_plain_json_again(both: World, server: ReplayServer, method: str) -> None:
    body = {"run": BLOCKING, "detail": DETAIL, "page": LOGS, "upload": FILE}[method]
    client = both.client(base_url=Answering(server, body).url)
    result = {
        "run": lambda: client.run_workflow({}, response_mode="blocking"),
        "detail": lambda: client.info(DETAIL["id"]),
        "page": lambda: client.logs(limit=len(LOGS["data"])),
        "upload": lambda: client.upload_file(b"x", filename="a.png"),
    }[method]()
    told = result.to_dict()
    assert json.loads(result.to_json()) == told
    assert json.loads(result.to_json(indent=2)) == told
    assert not {"raw", "request"} & told.keys()
    if isinstance(result, DifyPageResult):
        ids = [row["workflow_run"]["id"] for row in told["data"]]
        assert ids == [row.run_id for row in result]
    else:
        assert told["id"] == result.id


@pytest.mark.parametrize("method", ["app_info", "parameters", "meta", "site", "end_user"])
def test_what_is_known_of_an_app_is_plain_json_too(
    both: World, emulator: Emulator, method: str
) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    client.run_workflow({"name": "Ann"})
    arguments = []
    if method == "end_user":
        arguments.append(client.logs(limit=1).data[0].created_by_end_user.id)
    found = getattr(client, method)(*arguments)
    assert json.loads(found.to_json()) == found.to_dict()
    assert json.loads(found.to_json(indent=2)) == found.to_dict()
    assert len(repr(found)) < 600


def test_speech_as_text_is_plain_json_too(both: World, server: ReplayServer) -> None:
    client = both.client(base_url=Answering(server, {"text": "é"}).url)
    assert client.audio_to_text(b"x", filename="a.mp3").to_json() == '{"text": "é"}'


def test_a_paused_run_has_its_forms_in_its_json(both: World, forms: Emulator) -> None:
    client = both.client(base_url=forms.base_url, api_key="app-approval")
    run = client.run_workflow({"topic": "boxes"})
    told = json.loads(run.to_json())
    assert told["paused"]["forms"][0]["token"] == run.paused.forms[0].token
    assert told["paused"]["forms"][0]["actions"] == [
        action.to_dict() for action in run.paused.forms[0].actions
    ]


def test_half_of_a_surrogate_pair_is_an_escape() -> None:
    assert text_of({"text": "\ud83d"}) == '{"text": "\\ud83d"}'
    assert text_of({"text": "é😀"}) == '{"text": "é😀"}'


def test_an_event_is_its_message_and_a_copy_of_it() -> None:
    raw = {"event": "text_chunk", "workflow_run_id": "r1", "data": {"text": "é"}}
    event = TextChunk(raw)
    told = event.to_dict()
    assert told == raw
    assert json.loads(event.to_json()) == raw
    told["data"]["text"] = "changed"
    assert event.raw["data"]["text"] == "é"


def test_an_event_tells_of_its_node() -> None:
    data = {
        "node_id": "n1",
        "title": "Poet",
        "error": "no ink",
        "elapsed_time": 0.5,
        "created_at": 1_796_051_995,
    }
    event = NodeFinished({"event": "node_finished", "workflow_run_id": "r1", "data": data})
    assert (event.node_id, event.node_title, event.elapsed_time) == ("n1", "Poet", 0.5)
    assert event.error == event.message == "no ink"
    assert event.created_time == datetime(2026, 11, 30, 15, 19, 55, tzinfo=UTC)
    bare = NodeFinished({"event": "node_finished", "data": "odd"})
    assert bare.node_id is bare.node_title is bare.elapsed_time is bare.created_time is None


def test_reprs_are_short_and_leave_out_unknown_fields() -> None:
    text = repr(RUN)
    assert text.startswith("WorkflowRunResponse(id='r1', status='failed', message='out of paper'")
    assert len(text) < 400
    assert "None" not in text
    assert "of the answer" not in text


# --------------------------------------------------------------------------------------- tables


def test_logs_are_columns_of_a_data_frame(long_log: Emulator) -> None:
    with DifyWorkflow("app-echo", base_url=long_log.base_url) as client:
        frame = pd.DataFrame(client.iter_logs(limit=150))
        page = pd.DataFrame(client.logs(limit=5))
        rows = list(client.iter_logs(limit=5))
    assert frame.shape[0] == 150
    assert list(page["run_id"]) == [row.run_id for row in rows]
    assert list(page.columns) == [
        "id",
        "run_id",
        "status",
        "error",
        "created_time",
        "finished_time",
        "elapsed_time",
        "total_tokens",
        "total_steps",
        "created_from",
        "user",
    ]
    assert str(frame["created_time"].dt.tz) == "UTC"
    assert frame["total_tokens"].sum() >= 0


def test_events_and_runs_are_columns_of_a_data_frame(emulator: Emulator) -> None:
    with emulator.client("echo") as client, client.run_workflow_stream({"name": "Ann"}) as stream:
        events = list(stream)
        run = stream.result()
    frame = pd.DataFrame(events)
    assert list(frame["event"]) == [event.event for event in events]
    assert {"node_id", "status", "elapsed_time", "payload"} <= set(frame.columns)
    runs = pd.DataFrame([run])
    assert runs.loc[0, "id"] == run.id
    assert runs.loc[0, "outputs"] == run.outputs


def test_results_of_a_batch_are_columns_of_a_data_frame(emulator: Emulator, tmp_path: Path) -> None:
    rows = [{"name": "Ann"}, {"name": "Bob"}]
    with emulator.client("echo") as client:
        frame = pd.DataFrame(iter_batch(client, rows, journal=tmp_path / "journal.db"))
    assert set(frame["status"]) == {"succeeded"}
    assert sorted(row["name"] for row in frame["row"]) == ["Ann", "Bob"]


def test_a_notebook_shows_a_page_as_a_table_with_all_text_escaped() -> None:
    row = WorkflowLogs(
        id="1",
        status="failed",
        message="<script>alert(1)</script>",
        created_at=1_796_051_995,
        finished_at=None,
        workflow_run=None,
        created_from="service-api",
        created_by_role="end_user",
        created_by_account=None,
        created_by_end_user=None,
        raw={},
    )
    page = DifyPageResult(
        data=(row,),
        has_more=False,
        limit=20,
        total=1,
        last_id="1",
        cursor=None,
        request=WorkflowLogsRequest(),
    )
    html = page._repr_html_()
    assert "<th>status</th>" in html
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "2026-11-30 15:19:55 UTC" in html


def test_orjson_writes_a_row_as_its_columns() -> None:
    assert orjson.loads(orjson.dumps(RUN))["error"] == "out of paper"
