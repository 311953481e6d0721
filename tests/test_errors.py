"""Failures raise the documented exceptions, with a message that says what to do."""

from __future__ import annotations

import json
import pickle
from typing import Any

import attrs
import pytest

import dify_workflow
from dify_workflow import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    DifyError,
    GatewayTimeoutError,
    InputProblem,
    InvalidInputsError,
    InvalidRequestError,
    InvalidResponseError,
    LogCursorError,
    LogWindowUnstableError,
    NotFoundError,
    Outcome,
    OutputsMismatchError,
    PayloadTooLargeError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitError,
    RunDeadlineExceededError,
    RunLostError,
    RunOutcomeUnknownError,
    ServerError,
    StreamDecodeError,
    StreamError,
    StreamInterruptedError,
    UnsupportedMediaTypeError,
    UnsupportedServerError,
    WorkflowFailedError,
    WorkflowFinished,
    WorkflowPausedError,
    WorkflowRunError,
    WorkflowRunResponse,
    WorkflowStoppedError,
    WorkflowStreamError,
    errors,
)
from dify_workflow._http.failures import status_error
from dify_workflow.emulator import Emulator
from dify_workflow.events import StreamErrorEvent
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.worlds import World

TREE: dict[type[Exception], tuple[type[BaseException], ...]] = {
    DifyError: (Exception,),
    ConfigurationError: (DifyError, ValueError),
    InvalidRequestError: (DifyError, ValueError),
    InvalidInputsError: (InvalidRequestError, ValueError),
    APIConnectionError: (DifyError, ConnectionError),
    APITimeoutError: (APIConnectionError, TimeoutError),
    APIStatusError: (DifyError,),
    BadRequestError: (APIStatusError,),
    AuthenticationError: (APIStatusError,),
    PermissionDeniedError: (APIStatusError,),
    NotFoundError: (APIStatusError, LookupError),
    PreconditionFailedError: (APIStatusError,),
    PayloadTooLargeError: (APIStatusError,),
    UnsupportedMediaTypeError: (APIStatusError,),
    RateLimitError: (APIStatusError,),
    ServerError: (APIStatusError,),
    GatewayTimeoutError: (ServerError,),
    InvalidResponseError: (DifyError,),
    UnsupportedServerError: (DifyError,),
    LogCursorError: (DifyError, ValueError),
    OutputsMismatchError: (DifyError, ValueError),
    LogWindowUnstableError: (DifyError,),
    RunOutcomeUnknownError: (DifyError,),
    StreamError: (DifyError,),
    RunDeadlineExceededError: (StreamError, TimeoutError),
    StreamInterruptedError: (StreamError,),
    StreamDecodeError: (StreamError, InvalidResponseError),
    RunLostError: (StreamError,),
    WorkflowStreamError: (StreamError,),
    WorkflowRunError: (DifyError,),
    WorkflowFailedError: (WorkflowRunError,),
    WorkflowStoppedError: (WorkflowRunError,),
    WorkflowPausedError: (WorkflowRunError,),
}


def test_the_tree_is_as_documented_and_complete() -> None:
    public = {getattr(errors, name) for name in errors.__all__} - {InputProblem, Outcome}
    assert public == set(TREE)
    for cls, bases in TREE.items():
        assert all(issubclass(cls, base) for base in bases), cls
        assert cls.__module__ == errors.__name__, "tracebacks name what users import"


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (402, APIStatusError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, APIStatusError),
        (412, PreconditionFailedError),
        (413, PayloadTooLargeError),
        (415, UnsupportedMediaTypeError),
        (429, RateLimitError),
        (500, ServerError),
        (502, ServerError),
        (503, ServerError),
        (504, GatewayTimeoutError),
        (520, ServerError),
        (522, GatewayTimeoutError),
        (524, GatewayTimeoutError),
        (599, ServerError),
    ],
)
def test_class_by_status(status: int, cls: type[APIStatusError]) -> None:
    body = json.dumps({"code": "some_code", "message": "Some message.", "status": status})
    error = status_error("info", status, {"x-version": "1.14.2"}, body)
    assert type(error) is cls
    assert (error.operation, error.status_code, error.code) == ("info", status, "some_code")
    assert (error.message, error.body) == ("Some message.", body)
    assert error.headers == {"x-version": "1.14.2"}
    assert str(error).startswith("info: ")
    assert f"({status} some_code: Some message.)" in str(error)


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("1.0.1/rate_block_2", RateLimitError),
        ("1.14.2/rate_blocking_second", RateLimitError),
        ("1.14.2/rate_second_stream", RateLimitError),
        ("1.14.2/err_missing_user", BadRequestError),
    ],
)
def test_the_concurrency_limit_is_a_rate_limit_though_it_is_a_400(
    name: str, cls: type[APIStatusError]
) -> None:
    played = recording(name)
    assert played.status == 400
    assert type(status_error("run", 400, {}, played.body.decode())) is cls


@pytest.mark.parametrize(
    ("name", "param", "message"),
    [
        ("1.0.1/err_missing_inputs", "inputs", "inputs: Missing required parameter"),
        ("1.7.2/err_logs_limit_0", "limit", "limit: Invalid argument: 0."),
        ("1.9.2/err_missing_inputs", "inputs", "inputs: Missing required parameter"),
        ("1.9.2/err_logs_status_bogus", "status", "status: The value 'bogus' is not a valid"),
        ("1.14.2/err_missing_inputs", "inputs", "inputs: Field required"),
        ("1.14.2/err_logs_limit_abc", "limit", "limit: Input should be a valid integer"),
        ("1.14.2/err_missing_required_blocking", None, "name is required in input form"),
    ],
)
def test_the_three_shapes_of_parameter_errors_read_alike(
    name: str, param: str | None, message: str
) -> None:
    error = status_error("run", 400, {}, recording(name).body.decode())
    assert (error.code, error.param) == ("invalid_param", param)
    assert error.message.startswith(message)
    assert "\n" not in str(error)
    assert "pydantic.dev" not in str(error)


def test_several_parameters_at_fault_are_all_named() -> None:
    message = (
        "2 validation errors for WorkflowRunPayload\ninputs\n  Field required [type=missing, "
        "input_value={}, input_type=dict]\n    For further information visit https://e/1\n"
        "files.0.type\n  Input should be a string [type=string_type, input_value=1]\n"
    )
    body = json.dumps({"code": "invalid_param", "message": message, "status": 400})
    error = status_error("run", 400, {}, body)
    assert error.message == "inputs: Field required; files.0.type: Input should be a string"
    assert error.param == "inputs"


@pytest.mark.parametrize(
    ("name", "status", "title"),
    [
        ("1.14.2/nginx_504_blocking", 504, "504 Gateway Time-out"),
        ("1.14.2/nginx_502", 502, "502 Bad Gateway"),
        ("1.14.2/err_404_path", 404, "404 Not Found"),
    ],
)
def test_an_html_page_is_read_as_its_status_and_title(name: str, status: int, title: str) -> None:
    error = status_error("info", status, {}, recording(name).body.decode())
    assert error.code is None
    assert error.message == f"HTML page “{title}”"
    assert "<" not in str(error)
    assert "<html" in error.body.lower()


def test_an_unknown_path_asks_for_the_base_url() -> None:
    error = status_error("info", 404, {}, "<title>404 Not Found</title>")
    assert "check that the base URL ends in /v1" in str(error)


def test_a_location_matters_in_redirects_alone() -> None:
    error = status_error("info", 400, {"location": "/x"}, '{"code": "c", "message": "Wrong."}')
    assert error.message == "Wrong."
    assert "elsewhere" not in str(error)


def test_a_redirect_says_where_to() -> None:
    error = status_error("info", 301, {"location": "https://dify.example.com/v1/info"}, "")
    assert type(error) is APIStatusError
    assert "change the base URL" in str(error)
    assert "redirected to https://dify.example.com/v1/info" in str(error)


def test_a_redirect_is_not_followed_so_that_the_key_goes_nowhere_else(
    both: World, server: ReplayServer
) -> None:
    elsewhere: list[str] = []
    url = server.handle(lambda exchange: elsewhere.append(exchange.request.target))
    here = server.handle(
        lambda exchange: exchange.whole(b"", 307, "Temporary Redirect", location=f"{url}/info")
    )
    with pytest.raises(APIStatusError, match="the server redirects"):
        both.client(base_url=here).app_info()
    assert elsewhere == []


def test_https_to_a_server_of_plain_http_asks_whether_it_is_one(
    both: World, emulator: Emulator
) -> None:
    client = both.client(base_url=emulator.base_url.replace("http:", "https:"), max_retries=0)
    with pytest.raises(APIConnectionError, match="the server may use plain http"):
        client.app_info()


@pytest.mark.parametrize("body", ["", "plain text", '"text"', "[1]", "null", "{}", '{"code": 5}'])
def test_any_body_makes_an_error(body: str) -> None:
    error = status_error("info", 500, {}, body)
    assert isinstance(error, ServerError)
    assert error.code is None
    assert error.body == body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"message": "Quota is used up.", "type": "limit"}}, "Quota is used up."),
        ({"error": "no route"}, "no route"),
        ({"error": "invalid_token", "error_description": "It has expired."}, "It has expired."),
        ({"detail": "Not authenticated"}, "Not authenticated"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "field required"),
        ({"msg": "blocked\nby the firewall"}, "blocked by the firewall"),
        ({"errors": ["one", {"message": "two"}]}, "one; two"),
        ({"title": "Too many", "status": 503, "detail": "Your plan has 5."}, "Your plan has 5."),
        ({"type": "about:blank", "title": "Teapot"}, "Teapot"),
        ({"status": 502, "error": "Bad Gateway", "message": "", "path": "/v1"}, "Bad Gateway"),
        ([{"message": "in a list"}], "in a list"),
        ({"upstream": "gone"}, '{"upstream": "gone"}'),
        ({"message": {"message": {"message": "deep"}}}, "deep"),
    ],
)
def test_the_reason_that_a_gateway_gives_stands_in_the_message(body: Any, reason: str) -> None:
    error = status_error("info", 503, {}, json.dumps(body))
    assert error.message == reason
    assert str(error).endswith(f"(503: {reason})")


def test_a_body_that_is_nested_without_end_is_shown_as_it_begins() -> None:
    body = '{"error":' * 900 + '"x"' + "}" * 900
    assert status_error("info", 503, {}, body).message.startswith('{"error"')


def test_an_empty_message_leaves_a_sentence() -> None:
    body = json.dumps({"code": "file_too_large", "message": "", "status": 413})
    error = status_error("upload_file", 413, {}, body)
    assert str(error) == "upload_file: larger than the server allows (413 file_too_large)"


# ------------------------------------------------------------------------------ over the wire


def test_a_status_that_httpx_does_not_know_is_read(both: World, server: ReplayServer) -> None:
    url = server.handle(lambda exchange: exchange.whole(b"", 524, "A Timeout Occurred"))
    with pytest.raises(GatewayTimeoutError):
        both.client(base_url=url, max_retries=0).app_info()


def test_a_page_instead_of_json_is_an_error_that_shows_it(
    both: World, server: ReplayServer
) -> None:
    page = b"<html>Please log in</html>"
    url = server.handle(lambda exchange: exchange.whole(page, content_type="text/html"))
    with pytest.raises(
        InvalidResponseError, match=r"app_info: the answer \(200, text/html\) is not JSON.*log in"
    ):
        both.client(base_url=url).app_info()


@pytest.mark.parametrize("body", [b"[]", b'{"name": 5, "tags"', b"{}"])
def test_json_of_another_shape_is_an_error_that_shows_it(
    body: bytes, both: World, server: ReplayServer
) -> None:
    url = server.handle(lambda exchange: exchange.whole(body))
    with pytest.raises(InvalidResponseError, match="logs: the answer"):
        both.client(base_url=url).logs()


def test_a_server_that_is_not_there_is_a_connection_error(both: World) -> None:
    client = both.client(base_url="http://127.0.0.1:1/v1", max_retries=0)
    with pytest.raises(
        APIConnectionError, match=r"app_info: could not connect \(http://127.0.0.1:1/v1\)"
    ) as caught:
        client.app_info()
    assert caught.value.request_sent is False
    assert isinstance(caught.value, ConnectionError)
    assert not isinstance(caught.value, TimeoutError)


def test_a_connection_that_breaks_is_a_connection_error(both: World, server: ReplayServer) -> None:
    client = both.client(base_url=server.handle(lambda _: None), max_retries=0)
    with pytest.raises(APIConnectionError, match="app_info: the connection broke") as caught:
        client.app_info()
    assert caught.value.request_sent is True


def test_a_server_that_does_not_answer_is_a_timeout(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.wait_until_left()

    client = both.client(base_url=server.handle(handler), timeout=0.1, max_retries=0)
    with pytest.raises(APITimeoutError, match=r"app_info: the server was silent for 0\.1 s"):
        client.app_info()


def test_a_body_that_breaks_off_is_a_connection_error(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(content_type="image/png", content_length="10")
        exchange.send(b"abc")

    client = both.client(base_url=server.handle(handler), max_retries=0)
    with pytest.raises(APIConnectionError, match="file_preview: the connection broke"):
        client.file_preview("57455633-bab6-4ea6-b8d6-850b5ae09145").read()


# ----------------------------------------------------------------------------------- of a run


def test_raise_for_status_raises_what_the_run_is() -> None:
    run = WorkflowRunResponse(id="r1", status="succeeded")
    assert run.raise_for_status() is run
    for status in ("running", "partial-succeeded", "brand-new"):
        attrs.evolve(run, status=status).raise_for_status()
    failed = attrs.evolve(run, status="failed", message="boom")
    with pytest.raises(WorkflowFailedError, match=r"^The run r1 failed: boom$") as caught:
        failed.raise_for_status()
    assert caught.value.result is failed
    with pytest.raises(WorkflowStoppedError, match=r"^The run r1 was stopped\.$"):
        attrs.evolve(run, status="stopped").raise_for_status()
    with pytest.raises(WorkflowPausedError, match="waits for human input"):
        attrs.evolve(run, status="paused").raise_for_status()


# ----------------------------------------------------------------------------------- pickling

RUN = WorkflowRunResponse(id="r1", status="failed", message="boom")
EVENT = StreamErrorEvent({"event": "error", "message": "No provider.", "code": "invalid_param"})
FINAL = WorkflowFinished({"event": "workflow_finished", "data": {"status": "failed"}})

SAMPLES: list[DifyError] = [
    ConfigurationError("No API key."),
    InvalidRequestError("limit must be 1 to 100."),
    InvalidInputsError("run_workflow", [InputProblem("name", "name is required in input form")]),
    APIConnectionError("could not connect", request_sent=False),
    APITimeoutError("silent", request_sent=True),
    *(
        status_error("info", status, {"retry-after": "3"}, '{"code": "c", "message": "m"}')
        for status in (400, 401, 402, 403, 404, 412, 413, 415, 429, 500, 504)
    ),
    InvalidResponseError("not JSON"),
    UnsupportedServerError("too old"),
    LogCursorError("not found"),
    OutputsMismatchError("no fit", problems=("a", "b"), run_id="run"),
    LogWindowUnstableError(1_795_343_021, found=280, total=300),
    StreamInterruptedError("cut", run_id="r1", task_id="t1", last_event=FINAL),
    RunDeadlineExceededError("late", request_sent=True, stop_requested=True, run_id="r1"),
    StreamDecodeError("not JSON", run_id="r1"),
    WorkflowStreamError("broken", event=EVENT, following=[FINAL], run_id="r1"),
    WorkflowFailedError("failed", result=RUN),
    WorkflowStoppedError("stopped", result=RUN),
    WorkflowPausedError("paused", result=RUN),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_each_exception_survives_pickling(error: DifyError) -> None:
    copy: Any = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.args == error.args
    assert copy.__dict__ == error.__dict__


def test_every_exception_is_importable_from_the_package() -> None:
    for cls in TREE:
        assert getattr(dify_workflow, cls.__name__) is cls
