"""The client sends what the API asks for, and reads what it answers."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
import time
import zlib
from datetime import UTC, datetime, timedelta, timezone
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from dify_workflow import (
    AsyncDifyWorkflow,
    ConfigurationError,
    DifyWorkflow,
    InvalidRequestError,
    NotFoundError,
    WorkflowFile,
    WorkflowLogsRequest,
    WorkflowRunRequest,
)
from dify_workflow.emulator import Emulator
from dify_workflow_api.models import AppParameters
from support import events
from support.events import RUN, TASK, WORKFLOW
from support.recordings import recording
from support.replay import Exchange, ReplayServer, Request
from support.waiting import PATIENCE
from support.worlds import World

KEY = "app-test-key"


class Answering:
    """Answers every request with the same JSON, and keeps the requests."""

    def __init__(self, server: ReplayServer, body: Any, **head: Any) -> None:
        self.requests: list[Request] = []
        self._body = json.dumps(body).encode()
        self._head = head
        self.url = server.handle(self._answer)

    def _answer(self, exchange: Exchange) -> None:
        self.requests.append(exchange.request)
        exchange.whole(self._body, **self._head)

    @property
    def request(self) -> Request:
        (request,) = self.requests
        return request

    @property
    def path(self) -> str:
        return urlsplit(self.request.target).path.partition("/v1")[2]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.request.target).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.request.body)


BLOCKING = json.loads(recording("1.14.2/run_blocking_echo").body)
DETAIL = json.loads(recording("1.14.2/ev1_detail_finished").body)
LOGS = json.loads(recording("1.14.2/logs_burst_all").body)
FILE = json.loads(recording("1.14.2/upload_ok_png").body)


# ------------------------------------------------------------------------------------- running


def test_a_blocking_run_sends_one_plain_call(both: World, server: ReplayServer) -> None:
    answering = Answering(server, BLOCKING)
    client = both.client(base_url=answering.url)
    run = client.run_workflow({"name": "Ann ☃"}, response_mode="blocking")
    assert (answering.request.method, answering.path) == ("POST", "/workflows/run")
    assert answering.json == {
        "inputs": {"name": "Ann ☃"},
        "user": "dify-workflow",
        "response_mode": "blocking",
    }
    headers = answering.request.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert headers["accept"] == "application/json"
    assert headers["user-agent"].startswith("dify-workflow/")
    assert run.task_id == BLOCKING["task_id"]
    assert run.id == BLOCKING["workflow_run_id"]
    assert run.outputs == {"greeting": "Ann ☃"}
    assert run.raw == BLOCKING


def test_a_run_streams_by_default_and_a_request_says_everything(
    both: World, server: ReplayServer
) -> None:
    seen: list[Request] = []

    def handler(exchange: Exchange) -> None:
        seen.append(exchange.request)
        exchange.start_stream()
        exchange.chunk(events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False, user_id="client's")
    request = WorkflowRunRequest(
        {
            "text": "a",
            "number": 1.5,
            "doc": WorkflowFile.remote("https://example.com/x.pdf", type="document"),
            "pics": [WorkflowFile.uploaded(TASK, type="image")],
            "object": {"nested": (1, None, True)},
        },
        api_key="app-other-key",
        user_id="u1",
        files=[WorkflowFile.uploaded(RUN, type="audio")],
        workflow_id=WORKFLOW,
        trace_id="trace-1",
        trace_session_id="session-1",
    )
    assert client.run_workflow(request).status == "succeeded"
    (sent,) = seen
    assert sent.target.endswith(f"/v1/workflows/{WORKFLOW}/run")
    assert sent.headers["authorization"] == "Bearer app-other-key"
    assert sent.headers["accept"] == "text/event-stream"
    assert json.loads(sent.body) == {
        "inputs": {
            "text": "a",
            "number": 1.5,
            "doc": {
                "type": "document",
                "transfer_method": "remote_url",
                "url": "https://example.com/x.pdf",
            },
            "pics": [
                {"type": "image", "transfer_method": "local_file", "upload_file_id": TASK},
            ],
            "object": {"nested": [1, None, True]},
        },
        "user": "u1",
        "response_mode": "streaming",
        "files": [{"type": "audio", "transfer_method": "local_file", "upload_file_id": RUN}],
        "trace_id": "trace-1",
        "trace_session_id": "session-1",
    }


def test_whole_numbers_of_any_size_come_back_exact(both: World, server: ReplayServer) -> None:
    large = 123456789012345678901234567890
    body = {**BLOCKING, "data": {**BLOCKING["data"], "outputs": {"n": large}}}
    client = both.client(base_url=Answering(server, body).url)
    assert client.run_workflow({}, response_mode="blocking").outputs == {"n": large}


def test_the_result_of_a_run_is_the_same_in_both_modes(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    streamed = client.run_workflow({"name": "Ann"})
    blocking = client.run_workflow({"name": "Ann"}, response_mode="blocking")
    assert streamed.outputs == blocking.outputs == {"greeting": "Ann"}
    assert streamed.status == blocking.status == "succeeded"
    assert streamed.total_steps == blocking.total_steps == 2


def test_a_failed_run_is_a_result(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-failing")
    run = client.run_workflow({})
    assert (run.status, run.message, run.outputs) == ("failed", "RuntimeError: kaboom", {})


def test_the_main_job_from_run_to_logs(both: World, emulator: Emulator) -> None:
    client = both.client(
        base_url=emulator.base_url, api_key="app-story", user_id=f"main-{both.name}"
    )
    with client.run_workflow_stream({"topic": "boxes"}) as stream:
        text = "".join(stream.text)
    run = stream.result()
    assert run.outputs["text"] == text
    assert stream.node_outputs()["check"] == {"words": run.outputs["words"]}
    detail = client.info(run.id)
    assert (detail.status, detail.outputs) == ("succeeded", run.outputs)
    assert detail.inputs["topic"] == "boxes"
    page = client.logs(WorkflowLogsRequest(created_by_end_user_session_id=f"main-{both.name}"))
    assert [row.workflow_run.id for row in page] == [run.id]
    assert len(page) == page.total == 1
    assert client.server_version == "1.14.2"


def test_the_id_of_a_run_is_not_a_task_id_and_nothing_is_sent(
    both: World, emulator: Emulator
) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    with client.run_workflow_stream({"name": "Ann"}) as stream:
        run = stream.result()
    blocking = client.run_workflow({"name": "Ann"}, response_mode="blocking")
    for run_id in (run.id, blocking.id):
        with pytest.raises(InvalidRequestError, match="is the id of a run, which stops nothing"):
            client.stop_workflow_stream(run_id)
    assert client.stop_workflow_stream(run.task_id).result == "success"


def test_a_stopped_run_ends_as_stopped(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-slow")
    with client.run_workflow_stream({"secs": 30}) as stream:
        assert stream.stop().result == "success"
        run = stream.result()
    assert (run.status, run.message) == ("stopped", "Stopped by user.")


# ------------------------------------------------------------------------------------ looking up


def test_info_reads_the_inputs_that_come_as_text(both: World, server: ReplayServer) -> None:
    answering = Answering(server, DETAIL)
    run = both.client(base_url=answering.url).info(DETAIL["id"])
    assert answering.path == f"/workflows/run/{DETAIL['id']}"
    assert run.inputs == json.loads(DETAIL["inputs"])
    assert run.outputs == DETAIL["outputs"]
    assert run.created_at == DETAIL["created_at"]
    assert run.task_id is None


def test_info_reads_the_oldest_servers_texts_as_what_they_mean(
    both: World, server: ReplayServer
) -> None:
    """Before 1.2 times are RFC 822 text; before 1.13 the outputs are JSON text."""
    played = recording("1.0.1/detail_after_echo")
    body = json.loads(played.body)
    assert isinstance(body["created_at"], str)
    assert isinstance(body["outputs"], str)
    run = both.client(base_url=server.url(played.id)).info(body["id"])
    assert run.outputs == {"greeting": "Ann ☃"}
    expected = datetime.strptime(body["created_at"], "%a, %d %b %Y %H:%M:%S %z")
    assert run.created_at == int(expected.timestamp())
    assert isinstance(run.finished_at, int)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set here")
def test_a_time_without_a_zone_is_meant_in_utc(
    both: World, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**DETAIL, "created_at": "Sun, 22 Nov 2026 12:00:00 -0000"}
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        run = both.client(base_url=Answering(server, body).url).info(body["id"])
    finally:
        monkeypatch.undo()
        time.tzset()
    assert run.created_at == int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())


def test_info_of_an_unknown_run_is_not_found_also_where_the_answer_is_nulls(
    both: World, server: ReplayServer
) -> None:
    url = server.url("1.9.2/err_run_detail_unknown")
    with pytest.raises(NotFoundError, match=f"no run {RUN}") as caught:
        both.client(base_url=url).info(RUN)
    assert isinstance(caught.value, LookupError)
    assert caught.value.code == "not_found"


def test_info_of_a_paused_run_is_paused_without_its_forms(
    both: World, server: ReplayServer
) -> None:
    paused = recording("1.14.2/hi1_detail_paused")
    run = both.client(base_url=server.url(paused.id)).info(json.loads(paused.body)["id"])
    assert run.status == "paused"
    assert run.paused.forms == ()


def test_logs_asks_for_the_newest_twenty_by_default(both: World, server: ReplayServer) -> None:
    answering = Answering(server, LOGS)
    assert both.client(base_url=answering.url).logs().limit == 20
    assert answering.path == "/workflows/logs"
    # Some more, since the second at which the answer is cut may not be shown whole.
    assert answering.query == {"page": ["1"], "limit": ["30"]}


def test_logs_sends_every_filter(both: World, server: ReplayServer) -> None:
    answering = Answering(server, {**LOGS, "data": [], "total": 0})
    east = timezone(timedelta(hours=8))
    request = WorkflowLogsRequest(
        api_key="app-other-key",
        limit=100,
        keyword="a&b",
        status="failed",
        created_at_before=datetime(2026, 11, 22, 20, tzinfo=east),
        created_at_after=datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
        created_by_account="admin@example.com",
    )
    both.client(base_url=answering.url).logs(request)
    assert answering.query == {
        "page": ["1"],
        "limit": ["100"],
        "keyword": ["a&b"],
        "status": ["failed"],
        "created_at__before": ["2026-11-22T12:00:00+00:00"],
        "created_at__after": ["2026-11-22T10:30:00+00:00"],
        "created_by_account": ["admin@example.com"],
    }
    assert "+" not in answering.request.target, "a bare plus is a space to the server"
    assert answering.request.headers["authorization"] == "Bearer app-other-key"


def test_logs_rows_carry_the_run(both: World, server: ReplayServer) -> None:
    page = both.client(base_url=Answering(server, LOGS).url).logs()
    in_order = sorted(LOGS["data"], key=lambda row: (row["created_at"], row["id"]), reverse=True)
    raw = in_order[0]
    row = page.data[0]
    assert (page.total, page.has_more, page.limit) == (12, False, 20)
    assert page.last_id == in_order[-1]["id"]
    assert [row.id for row in page] == [row["id"] for row in in_order]
    assert (row.id, row.status, row.message) == (raw["id"], "succeeded", None)
    assert row.created_at == raw["created_at"]
    assert row.finished_at == raw["workflow_run"]["finished_at"]
    assert row.workflow_run.id == raw["workflow_run"]["id"]
    assert row.created_by_end_user.session_id == raw["created_by_end_user"]["session_id"]
    assert (row.created_from, row.created_by_role) == ("service-api", "end_user")
    assert row.created_by_account is None
    assert row.raw == raw


def test_a_row_whose_run_was_deleted_is_read(both: World, server: ReplayServer) -> None:
    row = {**LOGS["data"][0], "workflow_run": None, "created_by_end_user": None}
    answering = Answering(server, {**LOGS, "data": [row]})
    (read,) = both.client(base_url=answering.url).logs()
    assert (read.status, read.message, read.finished_at, read.workflow_run) == (None,) * 4


# --------------------------------------------------------------------------------- human input


def test_a_form_is_read_by_its_token(both: World, server: ReplayServer) -> None:
    form = both.client(base_url=server.url("1.14.2/hi1_form_get")).human_input_form("tok")
    raw = json.loads(recording("1.14.2/hi1_form_get").body)
    assert (form.token, form.content, form.expires_at) == (
        "tok",
        raw["form_content"],
        raw["expiration_time"],
    )
    assert [field.output_variable_name for field in form.inputs] == ["comment", "draft"]
    assert form.inputs[0].default.value == "no comment"
    assert form.inputs[0].option_source is None
    assert [action.id for action in form.actions] == ["approve", "reject"]
    assert form.default_values == {"draft": "Budget"}
    assert form.raw == raw


def test_a_form_is_submitted_with_files_uploaded_for_the_same_user(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(b"png")
    seen: list[Request] = []

    def handler(exchange: Exchange) -> None:
        seen.append(exchange.request)
        upload = exchange.request.target.endswith("/files/upload")
        exchange.whole(json.dumps(FILE).encode() if upload else b"{}")

    client = both.client(base_url=server.handle(handler))
    result = client.submit_human_input_form(
        "tok/1", "approve", {"comment": "fine", "pic": path}, user_id="u1"
    )
    assert result is None
    upload, submit = seen
    assert b'name="user"' in upload.body
    assert submit.target.endswith("/v1/form/human_input/tok%2F1"), "a token cannot change the path"
    assert json.loads(submit.body) == {
        "inputs": {
            "comment": "fine",
            "pic": {"type": "image", "transfer_method": "local_file", "upload_file_id": FILE["id"]},
        },
        "action": "approve",
        "user": "u1",
    }


# --------------------------------------------------------------------------------------- files


def parts(request: Request) -> dict[str, tuple[str | None, str, bytes]]:
    """File name, media type and content of each part by its name."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + request.body)
    return {
        str(part.get_param("name", header="content-disposition")): (
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    }


def test_an_upload_carries_name_type_and_user(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "größe.png"
    path.write_bytes(b"\x89PNG")
    answering = Answering(server, FILE, status=201, reason="CREATED")
    uploaded = both.client(base_url=answering.url).upload_file(path, user_id="u1")
    assert answering.path == "/files/upload"
    sent = parts(answering.request)
    assert sent["user"] == (None, "text/plain", b"u1")
    assert sent["file"][1:] == ("image/png", b"\x89PNG")
    assert 'filename="größe.png"'.encode() in answering.request.body
    assert (uploaded.id, uploaded.name, uploaded.size) == (FILE["id"], FILE["name"], FILE["size"])
    assert uploaded.as_input() == WorkflowFile.uploaded(FILE["id"], type="image")
    assert uploaded.as_input(type="custom").type == "custom"
    assert uploaded.raw == FILE


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        (b"abc", {}, ("upload.bin", "application/octet-stream")),
        (b"abc", {"content_type": "image/png"}, ("upload.png", "image/png")),
        (b"abc", {"filename": "a.csv"}, ("a.csv", "text/csv")),
        (b"abc", {"filename": "a.csv", "content_type": "text/x"}, ("a.csv", "text/x")),
        (io.BytesIO(b"abc"), {"filename": "noending"}, ("noending", "application/octet-stream")),
    ],
)
def test_file_name_and_type_are_guessed_and_can_be_given(
    source: Any,
    options: dict[str, str],
    expected: tuple[str, str],
    both: World,
    server: ReplayServer,
) -> None:
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(source, **options)
    assert parts(answering.request)["file"] == (*expected, b"abc")


def test_an_open_file_keeps_its_name_and_stays_open(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "open.txt"
    path.write_bytes(b"abc")
    answering = Answering(server, FILE, status=201)
    with path.open("rb") as file:
        both.client(base_url=answering.url).upload_file(file)
        assert not file.closed
    assert parts(answering.request)["file"] == ("open.txt", "text/plain", b"abc")


class Endless(io.RawIOBase):
    """A file of any size that takes no memory, and counts what is asked of it."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.largest_read = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "the file is read whole"
        self.largest_read = max(self.largest_read, size)
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


def test_a_file_is_sent_piece_by_piece_and_never_read_whole(
    both: World, server: ReplayServer
) -> None:
    answering = Answering(server, FILE, status=201)
    source = Endless(5_000_000)
    both.client(base_url=answering.url).upload_file(source, filename="big.bin")
    assert source.left == 0
    assert source.largest_read <= 65_536
    assert len(parts(answering.request)["file"][2]) == 5_000_000


def test_a_pipe_is_sent_as_it_comes(both: World, server: ReplayServer) -> None:
    answering = Answering(server, FILE, status=201)
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as end:
        end.write(b"through a pipe")
    with os.fdopen(reading, "rb") as pipe:
        both.client(base_url=answering.url).upload_file(pipe, filename="p.txt")
    assert parts(answering.request)["file"][2] == b"through a pipe"


def test_a_file_that_is_unpacked_while_it_is_read_is_sent_unpacked(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "packed.txt.gz"
    path.write_bytes(gzip.compress(b"x" * 100_000))
    answering = Answering(server, FILE, status=201)
    with gzip.open(path) as file:
        file.read(10)
        both.client(base_url=answering.url).upload_file(file, filename="packed.txt")
    assert parts(answering.request)["file"][2] == b"x" * 100_000


def test_a_file_without_a_size_that_has_contents_is_sent(both: World, server: ReplayServer) -> None:
    source = Path("/proc/version")  # Linux makes it up while it is read, and calls it empty
    if not source.exists():
        pytest.skip("there is no such file here")
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(source)
    assert parts(answering.request)["file"][2] == source.read_bytes()


def test_an_empty_file_is_sent(both: World, server: ReplayServer) -> None:
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(b"", filename="empty.txt")
    assert parts(answering.request)["file"][2] == b""


class Changing(io.BytesIO):
    """A file whose length changes after it was measured."""

    def __init__(self, measured: int, real: int) -> None:
        super().__init__(b"y" * real)
        self.measured = measured

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        super().seek(offset, whence)
        return self.measured if whence == os.SEEK_END else offset


def test_of_a_file_that_grows_what_was_there_at_first_is_sent(
    both: World, server: ReplayServer
) -> None:
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(Changing(1000, 5000), filename="log.txt")
    assert parts(answering.request)["file"][2] == b"y" * 1000


def test_a_file_that_shrinks_is_an_error(both: World, server: ReplayServer) -> None:
    answering = Answering(server, FILE, status=201)
    with pytest.raises(InvalidRequestError, match=r"log\.txt became shorter while it was sent"):
        both.client(base_url=answering.url).upload_file(Changing(5000, 1000), filename="log.txt")


@pytest.mark.parametrize("name", ["a\u00a0b.txt", "\u3000.txt", "\U0001f468\u200d\U0001f469.png"])
def test_file_names_may_have_any_letters_spaces_and_signs(
    name: str, both: World, server: ReplayServer
) -> None:
    answering = Answering(server, FILE, status=201)
    both.client(base_url=answering.url).upload_file(b"x", filename=name)
    assert f'filename="{name}"'.encode() in answering.request.body


def test_a_path_among_the_inputs_is_uploaded_first_for_the_same_user(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "hello.txt"
    path.write_text("hello")
    seen: list[Request] = []

    def handler(exchange: Exchange) -> None:
        seen.append(exchange.request)
        if exchange.request.target.endswith("/files/upload"):
            file = {**FILE, "name": "hello.txt", "extension": "txt", "mime_type": "text/plain"}
            exchange.whole(json.dumps(file).encode(), status=201)
            return
        exchange.start_stream()
        exchange.chunk(events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    request = WorkflowRunRequest(
        {"doc": path, "docs": [path]}, files=[path], user_id="u1", api_key="app-other-key"
    )
    client.run_workflow(request)
    upload, run = seen
    assert parts(upload)["user"][2] == b"u1"
    assert {item.headers["authorization"] for item in seen} == {"Bearer app-other-key"}
    file = {"type": "document", "transfer_method": "local_file", "upload_file_id": FILE["id"]}
    sent = json.loads(run.body)
    assert sent["inputs"] == {"doc": file, "docs": [file]}
    assert sent["files"] == [file]


def test_a_preview_comes_in_pieces(both: World, server: ReplayServer) -> None:
    is_read = threading.Event()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream("image/png")
        exchange.chunk(b"abc")
        is_read.wait(PATIENCE)
        exchange.chunk(b"def")
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler))
    with client.file_preview(RUN, as_attachment=True) as media:
        assert media.content_type == "image/png"
        assert next(media) == b"abc"
        is_read.set()
        assert next(media) == b"def"
        assert list(media) == []
    assert client.file_preview(RUN).read() == b"abcdef"


def test_text_to_audio_gives_the_sound(both: World, server: ReplayServer) -> None:
    seen: list[Request] = []

    def handler(exchange: Exchange) -> None:
        seen.append(exchange.request)
        exchange.whole(b"ID3", content_type="audio/mpeg")

    client = both.client(base_url=server.handle(handler))
    media = client.text_to_audio("Hello", voice="alloy")
    assert media.read() == b"ID3"
    assert json.loads(seen[0].body) == {"text": "Hello", "user": "dify-workflow", "voice": "alloy"}
    with pytest.raises(StopIteration):
        next(media)


def test_audio_to_text_gives_the_text(both: World, server: ReplayServer) -> None:
    answering = Answering(server, {"text": "Hello"})
    transcript = both.client(base_url=answering.url).audio_to_text(b"RIFF", filename="a.wav")
    assert transcript.text == "Hello"
    assert parts(answering.request)["file"][0] == "a.wav"


# ----------------------------------------------------------------------------------------- app


def test_the_inputs_of_the_app_are_fields_of_one_form_for_all_kinds(
    both: World, forms: Emulator
) -> None:
    client = both.client(base_url=forms.base_url, api_key="app-typed")
    parameters = client.parameters()
    assert [field.name for field in parameters.fields] == [
        field["variable"]
        for item in parameters.to_dict()["user_input_form"]
        for field in item.values()
        if field
    ]
    select = next(field for field in parameters.fields if field.kind == "select")
    assert select.options
    assert isinstance(select.required, bool)
    bounded = next(field for field in parameters.fields if field.max_length)
    assert bounded.max_length == bounded.longest
    assert isinstance(parameters, AppParameters)  # what was there before still is
    assert json.loads(bounded.to_json())["name"] == bounded.name


def test_what_the_app_is_comes_as_generated_models(both: World, server: ReplayServer) -> None:
    client = both.client()

    def at(name: str) -> Any:
        return client.with_options(base_url=server.url(name))

    assert at("1.14.2/get_info_echo").app_info().mode == "workflow"
    assert at("1.0.1/get_info_echo").app_info().mode is None
    fields = at("1.14.2/get_parameters_files").parameters().user_input_form
    assert fields[0].file.variable == "doc"
    assert fields[0].text_input is None
    assert fields[1].file_list.allowed_file_types == ["document", "image"]
    assert at("1.14.2/get_meta_branchy").meta().tool_icons == {}
    assert at("1.14.2/get_site_branchy").site().icon == "🤖"
    assert at("1.14.2/enduser_ok").end_user(RUN).external_user_id == "u1"


# ------------------------------------------------------------------------------------- options


def test_the_environment_gives_missing_options(
    both: World, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering = Answering(server, BLOCKING)
    monkeypatch.setenv("DIFY_API_KEY", "app-env-key")
    monkeypatch.setenv("DIFY_BASE_URL", answering.url + "/")
    monkeypatch.setenv("DIFY_USER", "env-user")
    client = both.client(api_key=None)
    client.run_workflow({}, response_mode="blocking")
    assert answering.request.headers["authorization"] == "Bearer app-env-key"
    assert answering.json["user"] == "env-user"
    assert client.base_url == answering.url
    given = both.client(api_key="app-x", base_url="http://example.com/v1", user_id="me")
    assert (given.base_url, given.user_id) == ("http://example.com/v1", "me")


def test_without_anything_the_cloud_is_meant(both: World) -> None:
    client = both.client(api_key=None)
    assert client.base_url == "https://api.dify.ai/v1"
    assert client.user_id == "dify-workflow"
    assert client.server_version is None


def test_with_options_changes_the_given_options_and_shares_the_connections(
    both: World, emulator: Emulator
) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo", user_id="a")
    copy = client.with_options(user_id="b", timeout=3, max_retries=0)
    assert (client.user_id, copy.user_id) == ("a", "b")
    assert copy.run_workflow({"name": "x"}).inputs["sys.user_id"] == "b"
    copy.close()
    assert client.run_workflow({"name": "x"}).inputs["sys.user_id"] == "a", "still open"
    assert client.server_version == copy.server_version == "1.14.2"


def test_with_options_takes_another_key_and_server(both: World, emulator: Emulator) -> None:
    client = both.client(base_url="http://127.0.0.1:1/v1", api_key="app-none")
    copy = client.with_options(base_url=emulator.base_url, api_key="app-echo")
    assert copy.app_info().name == "echo"


def test_a_closed_client_says_so(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    client.app_info()
    client.close()
    client.close()
    with pytest.raises(ConfigurationError, match="app_info: this client was closed"):
        client.app_info()
    with pytest.raises(ConfigurationError, match="closed"):
        client.with_options(user_id="b").app_info()


def test_a_client_of_the_users_own_is_used_and_never_closed(
    both: World, emulator: Emulator
) -> None:
    sent: list[str] = []

    def note(request: httpx.Request) -> None:
        sent.append(request.headers["x-gateway"])

    async def note_async(request: httpx.Request) -> None:
        note(request)

    def make() -> Any:
        headers = {"X-Gateway": "yes"}
        if both.name == "sync":
            return httpx.Client(headers=headers, event_hooks={"request": [note]})
        return httpx.AsyncClient(headers=headers, event_hooks={"request": [note_async]})

    own = both.call(make)
    client = both.client(base_url=emulator.base_url, api_key="app-echo", http_client=own)
    assert client.run_workflow({"name": "x"}).status == "succeeded"
    client.close()
    assert set(sent) == {"yes"}
    assert not own.is_closed
    both.call(own.close if both.name == "sync" else own.aclose)


def test_the_base_url_of_the_users_own_client_is_used_without_base_url(
    both: World, server: ReplayServer
) -> None:
    answering = Answering(server, json.loads(recording("1.14.2/get_info_echo").body))
    cls = httpx.Client if both.name == "sync" else httpx.AsyncClient
    own = both.call(lambda: cls(base_url=answering.url))
    client = both.client(http_client=own)
    client.app_info()
    assert client.base_url == answering.url
    given = both.client(http_client=own, base_url="http://127.0.0.1:1/v1")
    assert given.base_url == "http://127.0.0.1:1/v1"
    both.call(own.close if both.name == "sync" else own.aclose)
    with pytest.raises(ConfigurationError, match="this client was closed"):
        client.app_info()


def test_empty_environment_variables_are_ignored(
    both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DIFY_API_KEY", "DIFY_BASE_URL", "DIFY_USER"):
        monkeypatch.setenv(name, "")
    client = both.client(api_key=None)
    assert (client.base_url, client.user_id) == ("https://api.dify.ai/v1", "dify-workflow")
    with pytest.raises(ConfigurationError, match="No API key"):
        client.app_info()


def test_an_uploaded_file_is_an_input_as_it_is(both: World, server: ReplayServer) -> None:
    answering = Answering(server, FILE, status=201)
    uploaded = both.client(base_url=answering.url).upload_file(b"x", filename="x.png")
    run = Answering(server, BLOCKING)
    client = both.client(base_url=run.url)
    client.run_workflow({"pic": uploaded}, response_mode="blocking")
    assert run.json["inputs"] == {"pic": uploaded.as_input().to_wire()}


def test_the_users_own_timeout_is_used_unless_it_is_the_default_of_httpx(
    server: ReplayServer,
) -> None:
    """Five seconds of silence, httpx's default, would cut every stream between two pings."""
    waits: list[float | None] = []

    def note(request: httpx.Request) -> None:
        waits.append(request.extensions["timeout"]["read"])

    url = server.url("1.14.2/run_streaming_echo")
    for timeout in (httpx.Timeout(5.0), httpx.Timeout(7.0)):
        with httpx.Client(timeout=timeout, event_hooks={"request": [note]}) as own:
            client = DifyWorkflow(KEY, base_url=url, http_client=own, check_inputs=False)
            client.run_workflow({})
            client.with_options(timeout=9).run_workflow({})
    assert waits == [35.0, 9, 7.0, 9]


def test_default_timeouts(server: ReplayServer) -> None:
    seen: list[dict[str, float]] = []
    with httpx.Client(
        event_hooks={"request": [lambda request: seen.append({**request.extensions["timeout"]})]}
    ) as own:
        client = DifyWorkflow(KEY, http_client=own, check_inputs=False)
        client.with_options(base_url=server.url("1.14.2/run_streaming_echo")).run_workflow({})
        client.with_options(base_url=server.url("1.14.2/get_info_echo")).app_info()
        unbound = client.with_options(timeout=None)
        unbound.with_options(base_url=server.url("1.14.2/get_info_echo")).app_info()
    assert seen == [
        {"connect": 5.0, "read": 35.0, "write": 30.0, "pool": 30.0},
        {"connect": 5.0, "read": 60.0, "write": 30.0, "pool": 30.0},
        {"connect": None, "read": None, "write": None, "pool": None},
    ]


def test_the_users_own_auth_does_not_replace_the_key(both: World, server: ReplayServer) -> None:
    answering = Answering(server, json.loads(recording("1.14.2/get_info_echo").body))
    cls = httpx.Client if both.name == "sync" else httpx.AsyncClient
    own = both.call(lambda: cls(auth=("user", "password")))
    both.client(base_url=answering.url, http_client=own).app_info()
    both.call(own.close if both.name == "sync" else own.aclose)
    assert answering.request.headers["authorization"] == f"Bearer {KEY}"


def test_constructing_a_client_builds_no_connections() -> None:
    client = DifyWorkflow(KEY)
    assert client._transport._made is None
    assert not AsyncDifyWorkflow(KEY)._transport._loops


def test_threads_share_one_client(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        results: list[str] = []

        def run(number: int) -> None:
            results.append(client.run_workflow({"name": f"n{number}"}).outputs["greeting"])

        threads = [threading.Thread(target=run, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == sorted(f"n{number}" for number in range(32))


def test_a_body_with_a_content_encoding_is_decoded(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(
            content_type="text/event-stream", transfer_encoding="chunked", content_encoding="gzip"
        )
        exchange.chunk(gzip.compress(events.started() + events.finished()))
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    assert client.run_workflow({}).status == "succeeded"


def test_what_follows_the_end_of_a_run_does_no_harm(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(
            content_type="text/event-stream", transfer_encoding="chunked", content_encoding="gzip"
        )
        packed = zlib.compressobj(wbits=31)
        run = events.started() + events.finished()
        exchange.chunk(packed.compress(run) + packed.flush(zlib.Z_SYNC_FLUSH))
        exchange.chunk(b"\xff" * 100)  # of no kind of block
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    stream = client.run_workflow_stream({})
    assert stream.result().status == "succeeded"


def test_a_load_balancers_cookie_is_sent_back(both: World, server: ReplayServer) -> None:
    sent: list[str | None] = []

    def handler(exchange: Exchange) -> None:
        sent.append(exchange.request.headers.get("cookie"))
        exchange.head(
            content_type="text/event-stream",
            transfer_encoding="chunked",
            set_cookie="backend=one; Path=/",
        )
        exchange.chunk(events.started() + events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    for _ in range(2):
        assert client.run_workflow({}).status == "succeeded"
    assert sent == [None, "backend=one"]
