"""Invalid arguments get a clear error before anything is sent."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dify_workflow import (
    ApiKey,
    ConfigurationError,
    DifyError,
    InvalidRequestError,
    WorkflowFile,
    WorkflowLogsRequest,
    WorkflowRunRequest,
)
from support.events import RUN
from support.replay import Exchange, ReplayServer
from support.worlds import World

ID = RUN


class Unreadable:
    """No file."""


def circular() -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    inputs["self"] = [inputs]
    return inputs


class WriteOnly(io.BytesIO):
    """A file that was opened for writing alone."""

    def readable(self) -> bool:
        return False


def closed_file() -> io.BytesIO:
    file = io.BytesIO(b"x")
    file.close()
    return file


CALLS: dict[str, tuple[Callable[[Any], Any], type[DifyError], str]] = {
    "empty run id": (lambda c: c.info(""), InvalidRequestError, "workflow_run_id must be a UUID"),
    "run id that is none": (
        lambda c: c.info("nope"),
        InvalidRequestError,
        "must be a UUID, not 'n",
    ),
    "run id of another kind": (lambda c: c.info(5), InvalidRequestError, "must be a UUID, not 5"),
    "run id that is no text": (
        lambda c: c.info(UUID(ID)),
        InvalidRequestError,
        r"must be a UUID as a string; pass str\(workflow_run_id\)",
    ),
    "run id with a path": (lambda c: c.info(f"../{ID}"), InvalidRequestError, "must be a UUID"),
    "run id to resume": (
        lambda c: c.resume_workflow_stream("nope"),
        InvalidRequestError,
        "workflow_run_id must be a UUID",
    ),
    "empty task id": (lambda c: c.stop_workflow_stream(""), InvalidRequestError, "task_id must be"),
    "blank task id": (
        lambda c: c.stop_workflow_stream(" "),
        InvalidRequestError,
        "task_id must be",
    ),
    "empty token": (lambda c: c.human_input_form(""), InvalidRequestError, "form_token must be"),
    "empty token to submit": (
        lambda c: c.submit_human_input_form("", "go", {}),
        InvalidRequestError,
        "form_token must be",
    ),
    "empty action": (
        lambda c: c.submit_human_input_form("t", "", {}),
        InvalidRequestError,
        "action must be",
    ),
    "end user that is no UUID": (lambda c: c.end_user("nope"), InvalidRequestError, "end_user_id"),
    "file that is no UUID": (lambda c: c.file_preview("x").read(), InvalidRequestError, "file_id"),
    "empty text to speak": (lambda c: c.text_to_audio("").read(), InvalidRequestError, "text must"),
    "workflow id that is no UUID": (
        lambda c: c.run_workflow(WorkflowRunRequest({}, workflow_id="draft")),
        InvalidRequestError,
        "workflow_id must be a UUID",
    ),
    "user too long": (
        lambda c: c.run_workflow(WorkflowRunRequest({}, user_id="x" * 256)),
        InvalidRequestError,
        "user_id has 256 characters; Dify takes at most 255",
    ),
    "empty user": (
        lambda c: c.run_workflow(WorkflowRunRequest({}, user_id="")),
        InvalidRequestError,
        "user_id must be a string that is not empty",
    ),
    "user too long to stop": (
        lambda c: c.stop_workflow_stream(ID, "x" * 256),
        InvalidRequestError,
        "at most 255",
    ),
    "key with white space": (lambda c: c.info(ID, "app-a b"), ConfigurationError, "white space"),
    "key with a line end": (lambda c: c.info(ID, "app-ab\n"), ConfigurationError, "control char"),
    "key with a control character": (lambda c: c.info(ID, "a\x7f"), ConfigurationError, "control"),
    "key outside ASCII": (lambda c: c.info(ID, "app-ü"), ConfigurationError, "HTTP header"),
    "empty key": (lambda c: c.info(ID, ""), ConfigurationError, "The API key is empty"),
    "key that is no text": (lambda c: c.info(ID, 5), ConfigurationError, "string, not int"),
    "mode that there is not": (
        lambda c: c.run_workflow({}, response_mode="wild"),
        InvalidRequestError,
        "response_mode must be 'streaming' or 'blocking', not 'wild'",
    ),
    "inputs that are no mapping": (
        lambda c: c.run_workflow(["x"]),
        InvalidRequestError,
        "inputs must be a dict or another mapping, not list",
    ),
    "NaN": (
        lambda c: c.run_workflow({"n": float("nan")}),
        InvalidRequestError,
        r"inputs\['n'\] is nan, which JSON does not support",
    ),
    "infinity, deep inside": (
        lambda c: c.run_workflow({"o": {"l": [0, float("inf")]}}),
        InvalidRequestError,
        r"inputs\['o'\]\['l'\]\[1\] is inf",
    ),
    "more digits than Python writes": (
        lambda c: c.run_workflow({"n": 10**5000}),
        InvalidRequestError,
        r"inputs\['n'\] has more than 4,300 digits, which JSON readers refuse",
    ),
    "inputs that contain themselves": (
        lambda c: c.run_workflow(circular()),
        InvalidRequestError,
        "inputs is nested too deeply, or contains itself",
    ),
    "files that contain themselves": (
        lambda c: c.run_workflow(WorkflowRunRequest({}, files=[circular()])),
        InvalidRequestError,
        "nested too deeply, or contains itself",
    ),
    "half a surrogate pair in the user": (
        lambda c: c.run_workflow(WorkflowRunRequest({}, user_id="\ud800")),
        InvalidRequestError,
        "user_id has half a surrogate pair",
    ),
    "half a surrogate pair in the trace id": (
        lambda c: c.run_workflow(WorkflowRunRequest({}, trace_id="\ud800")),
        InvalidRequestError,
        "trace_id has half a surrogate pair",
    ),
    "an empty id of a session of traces": (
        lambda c: c.run_workflow(WorkflowRunRequest({}, trace_session_id=" ")),
        InvalidRequestError,
        "trace_session_id must be a string that is not empty",
    ),
    "half a surrogate pair in the task id": (
        lambda c: c.stop_workflow_stream("\ud800"),
        InvalidRequestError,
        "task_id has half a surrogate pair",
    ),
    "half a surrogate pair": (
        lambda c: c.run_workflow({"s": "\ud800"}),
        InvalidRequestError,
        r"inputs\['s'\] has half a surrogate pair",
    ),
    "a name that is no string": (
        lambda c: c.run_workflow({"o": {1: 2}}),
        InvalidRequestError,
        r"inputs\['o'\] has the key 1; keys must be strings",
    ),
    "a value that is no JSON": (
        lambda c: c.run_workflow({"when": datetime(2026, 11, 22)}),  # noqa: DTZ001  # any will do
        InvalidRequestError,
        r"inputs\['when'\] is of the type datetime; it must be JSON",
    ),
    "bytes": (lambda c: c.run_workflow({"b": b"x"}), InvalidRequestError, "is of the type bytes"),
    "a path without a file": (
        lambda c: c.run_workflow({"doc": Path("/does/not/exist.txt")}),
        InvalidRequestError,
        "There is no file /does/not/exist.txt to upload",
    ),
    "a file that is none": (
        lambda c: c.run_workflow(WorkflowRunRequest({}, files=["x"])),
        InvalidRequestError,
        r"files\[0\] is not a file",
    ),
    "files that are no list": (
        lambda c: c.run_workflow(WorkflowRunRequest({}, files="x")),
        InvalidRequestError,
        "files must be a list of files, not str",
    ),
    "an upload without a file": (
        lambda c: c.upload_file("/does/not/exist.txt"),
        InvalidRequestError,
        "Cannot read the file /does/not/exist.txt: No such file",
    ),
    "an upload of a folder": (lambda c: c.upload_file("/"), InvalidRequestError, "Is a directory"),
    "an upload with a path for a name": (
        lambda c: c.upload_file(b"x", filename="a/b.txt"),
        InvalidRequestError,
        "file name 'a/b.txt'",
    ),
    "an upload with a backslash": (
        lambda c: c.upload_file(b"x", filename="a\\b.txt"),
        InvalidRequestError,
        "must not",
    ),
    "an upload without a name": (
        lambda c: c.upload_file(b"x", filename=""),
        InvalidRequestError,
        "file name ''",
    ),
    "an upload of text": (
        lambda c: c.upload_file(io.StringIO("x"), filename="x"),
        InvalidRequestError,
        "a file opened in binary mode, not StringIO",
    ),
    "an upload of a closed file": (
        lambda c: c.upload_file(closed_file(), filename="x"),
        InvalidRequestError,
        "The file x is closed",
    ),
    "an upload of a file opened for writing": (
        lambda c: c.upload_file(WriteOnly(), filename="x"),
        InvalidRequestError,
        "The file x is not open for reading",
    ),
    "an upload with a line break in its name": (
        lambda c: c.upload_file(b"x", filename="a\r\nb.txt"),
        InvalidRequestError,
        "control characters",
    ),
    "an upload with half a character in its name": (
        lambda c: c.upload_file(b"x", filename="a\ud800.txt"),
        InvalidRequestError,
        "The file name",
    ),
    "an upload with a line break in its type": (
        lambda c: c.upload_file(b"x", content_type="text/plain\r\nX-A: b"),
        InvalidRequestError,
        "content_type must be a media type",
    ),
    "an upload of a path that no file can have": (
        lambda c: c.upload_file("a\0b", filename="x"),
        InvalidRequestError,
        "Cannot read the file",
    ),
    "an upload of something else": (
        lambda c: c.upload_file(Unreadable(), filename="x"),
        InvalidRequestError,
        "not Unreadable",
    ),
    "logs without a request": (
        lambda c: c.logs({"limit": 5}),
        InvalidRequestError,
        "logs takes a WorkflowLogsRequest, not dict",
    ),
    "rows without a request": (
        lambda c: c.iter_logs(ID),
        InvalidRequestError,
        "iter_logs takes a WorkflowLogsRequest, not str",
    ),
    "rows since a time without a zone": (
        lambda c: c.iter_logs(since=datetime(2026, 11, 22)),  # noqa: DTZ001  # that is the point
        InvalidRequestError,
        "since must be a datetime with a time zone",
    ),
    "fewer rows than none": (
        lambda c: c.iter_logs(limit=-1),
        InvalidRequestError,
        "limit must be a whole number, 0 or more, not -1",
    ),
    "new rows of the past": (
        lambda c: c.tail_logs(WorkflowLogsRequest(created_at_before=datetime.now(UTC))),
        InvalidRequestError,
        "it does not take created_at_before",
    ),
    "new rows all the time": (
        lambda c: c.tail_logs(poll_interval=0),
        InvalidRequestError,
        "poll_interval must be a number of seconds above zero, not 0",
    ),
}


def entered(result: Any) -> Any:
    """The result of a call to be entered: the async world sends when a stream is."""
    return result if hasattr(result, "__enter__") else nullcontext()


@pytest.mark.parametrize("name", CALLS)
def test_refused_before_anything_is_sent(name: str, both: World, server: ReplayServer) -> None:
    sent: list[str] = []

    def handler(exchange: Exchange) -> None:
        sent.append(exchange.request.target)

    call, cls, message = CALLS[name]
    client = both.client(base_url=server.handle(handler), check_inputs=False, max_retries=0)
    with pytest.raises(cls, match=message), ExitStack() as stack:
        stack.enter_context(entered(call(client)))
    assert sent == []


def test_without_any_key_a_call_says_where_to_put_one(both: World) -> None:
    client = both.client(api_key=None, base_url="http://127.0.0.1:1/v1")
    with pytest.raises(ConfigurationError, match=r"pass api_key .* or set DIFY_API_KEY"):
        client.app_info()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "dify.example.com/v1"}, "must start with http:// or https://"),
        ({"base_url": "ftp://dify.example.com"}, "must start with http:// or https://"),
        ({"base_url": "https://"}, "has no host"),
        ({"base_url": "https://dify.example.com/v1?x=1"}, "must not have a query"),
        ({"base_url": "https://dify.example.com/v1#x"}, "must not have a query or a fragment"),
        ({"base_url": "https://dify.example .com/v1"}, "contains white space"),
        ({"base_url": "https://user:secret@dify.example.com/v1"}, "user name or a password"),
        ({"base_url": "https://dify.example.com:port/v1"}, "is not a URL"),
        ({"base_url": 5}, "is not a URL"),
        ({"base_url": ""}, "must start with http:// or https://"),
        ({"base_url": "https://dify..example.com/v1"}, "has an invalid host name"),
        ({"base_url": f"https://{'x' * 64}.example.com/v1"}, "has an invalid host name"),
        ({"user_id": "x" * 256}, "at most 255"),
        ({"user_id": ""}, "user_id must be a string that is not empty"),
        (
            {"timeout": "5"},
            "timeout must be a number of seconds above zero, an httpx.Timeout, or None",
        ),
        ({"timeout": 0}, "timeout must be a number of seconds above zero"),
        ({"timeout": -1.5}, "timeout must be a number of seconds above zero"),
        ({"timeout": True}, "timeout must be a number of seconds above zero"),
        ({"timeout": float("inf")}, "None for no bound"),
        (
            {"queue_timeout": -1},
            "queue_timeout must be a number of seconds, or 0 for no wait, not -1",
        ),
        ({"queue_timeout": "5"}, "queue_timeout must be a number of seconds"),
        ({"queue_timeout": True}, "queue_timeout must be a number of seconds"),
        ({"queue_timeout": float("nan")}, "queue_timeout must be a number of seconds"),
        ({"http_client": object()}, "http_client must be an httpx"),
        ({"user_id": 5}, "user_id must be a string"),
        ({"max_retries": -1}, "max_retries must be a whole number, 0 or more"),
        ({"max_retries": "2"}, "max_retries must be a whole number"),
        ({"max_event_bytes": 0}, "max_event_bytes must be a whole number, 1 or more"),
        ({"api_key": "app-a b"}, "white space"),
        ({"recover": "no"}, "recover must be True or False, not 'no'"),
        ({"check_inputs": 0}, "check_inputs must be True or False, not 0"),
        ({"at_least_once": True, "recover": False}, "at_least_once needs recover"),
    ],
)
def test_options_that_cannot_be_right_are_refused(
    options: dict[str, Any], message: str, both: World
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        both.client(**options)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=message):
        both.client().with_options(**options)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"limit": 0}, "limit must be 1 to 1000, not 0"),
        ({"limit": 1001}, "limit must be 1 to 1000, not 1001"),
        ({"limit": "20"}, "limit must be 1 to 1000"),
        ({"status": "running"}, "succeeded, failed, stopped, not 'running'"),
        ({"status": ""}, "not ''"),
        ({"created_at_before": datetime(2026, 11, 22)}, "created_at_before must .* time zone"),  # noqa: DTZ001  # that is the point
        ({"created_at_after": "2026-11-22"}, "created_at_after must be a datetime"),
        ({"keyword": "\ud800"}, "keyword must be a text"),
        ({"created_by_account": 5}, "created_by_account must be a text, not 5"),
        ({"keyword": "x", "created_by_end_user_session_id": "u1"}, "cannot be combined"),
        ({"last_id": ""}, "last_id must be the id of a row, not ''"),
        ({"last_id": 5}, "last_id must be the id of a row, not 5"),
        ({"last_created_at": 5}, "last_created_at must be Unix seconds, and come with last_id"),
        ({"last_id": ID, "last_created_at": 1.5}, "last_created_at must be Unix seconds"),
        ({"last_id": ID, "cursor": "1.x"}, "cursor and last_id cannot be combined"),
        ({"max_scan": -1}, "max_scan must be a whole number, 0 or more, not -1"),
    ],
)
def test_log_requests_that_cannot_be_right_are_refused(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        WorkflowLogsRequest(**fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WorkflowFile.remote("", type="image"), "needs either url or upload_file_id"),
        (lambda: WorkflowFile.uploaded("", type="image"), "needs either url or upload_file_id"),
        (lambda: WorkflowFile.remote("https://example.com/x.png", type=""), "needs a type"),
        (lambda: WorkflowFile("image", "https://example.com", ID), "needs either url or"),
    ],
)
def test_files_that_cannot_be_right_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        make()


@pytest.mark.parametrize("host", ["xn--", "xn--a.example.com", "☃.example.com"])
def test_a_host_name_that_httpx_cannot_encode_is_named(host: str, both: World) -> None:
    client = both.client(base_url=f"https://{host}/v1", check_inputs=False)
    with pytest.raises(ConfigurationError, match=f"run_workflow: https://{host}/v1: ") as caught:
        client.run_workflow({})
    assert caught.value.outcome == "not_run"


@pytest.mark.own_client("a client of the user's fails where the user makes it")
@pytest.mark.parametrize(
    ("variable", "value"),
    [("ALL_PROXY", "nonsense://127.0.0.1:1"), ("ALL_PROXY", "http://127.0.0.1:port")],
)
def test_an_environment_that_httpx_cannot_use_is_named(
    variable: str, value: str, both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    client = both.client(base_url="https://dify.example.com/v1")
    with pytest.raises(ConfigurationError, match=r"app_info: cannot set up connections; .*PROXY"):
        client.app_info()


def test_a_wrapped_key_is_taken_wherever_a_bare_one_is(both: World, server: ReplayServer) -> None:
    url = server.url("1.14.2/get_info_echo")
    assert both.client(api_key=ApiKey("app-x"), base_url=url).app_info().name == "echo"
    assert both.client(base_url=url).app_info(api_key=ApiKey("app-y")).name == "echo"
