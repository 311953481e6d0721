"""What clients look at: how the emulator refuses, as real servers of each version were seen to."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from dify_workflow.emulator import (
    BeginNode,
    Emulator,
    EndNode,
    Input,
    Text,
    files,
    inputs,
    requests,
    state,
    workflow,
)
from support.bench import Bench, Call, Live, bench_with
from support.likeness import Answer
from support.versions import SOME_ID, VERSIONS, by_version, detail, get, names, post
from support.workflows import signoff, typed

PYDANTIC = "    For further information visit https://errors.pydantic.dev/2.12/v/"
IN_1_14 = pytest.mark.parametrize("bench", ["1.14.2"], indirect=True)


def told(answer: Answer) -> tuple[int, str, str]:
    """Status, code and message of a refusal in JSON."""
    body = json.loads(answer.body)
    return answer.status, body["code"], body["message"]


def sent(bench: Bench, path: str, content_type: str, body: bytes, app: str = "echo") -> Answer:
    return bench.answer(Call(app, "POST", f"/v1{path}", [("Content-Type", content_type)], body))


# ---------------------------------------------------------------------------------------- forms

PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
UNREADABLE = {
    "no boundary": ("multipart/form-data", PART + b"\r\nx\r\n--b--\r\n"),
    "a malformed part": ("multipart/form-data; boundary=b", b"--b\r\nno header at all\r\n--b--"),
    "another content type": ("text/plain", b"x"),
}


@pytest.mark.parametrize("form", UNREADABLE)
@by_version(["bad_request_key_error", *["no_file_uploaded"] * 5])
def test_a_form_that_cannot_be_read_has_no_file(bench: Bench, expected: str, form: str) -> None:
    assert told(sent(bench, "/files/upload", *UNREADABLE[form]))[:2] == (400, expected)
    answer = sent(bench, "/audio-to-text", *UNREADABLE[form])
    assert told(answer)[:2] == (400, "bad_request_key_error")


def test_a_long_file_name_keeps_200_characters_and_its_ending() -> None:
    with Emulator(linger=0) as emulator, emulator.client("files") as client:
        names = [
            client.upload_file(b"x", filename=name, content_type="text/plain").name
            for name in ("a" * 300 + ".txt", "b" * 196 + ".txt")
        ]
    assert names == ["a" * 200 + ".txt", "b" * 196 + ".txt"]


# ----------------------------------------------------------------------------- users and payloads

NOBODY = "Arg user must be provided."
NUL = "A string literal cannot contain NUL (0x00) characters."


@pytest.mark.parametrize("user", [False, 0, [], "", None])
@pytest.mark.parametrize("bench", VERSIONS, indirect=True)
def test_an_empty_user_is_nobody_whatever_else_is_wrong(bench: Bench, user: Any) -> None:
    for body in ({"inputs": {"name": "x"}, "user": user}, {"inputs": 5, "user": user}):
        assert told(post(bench, "/workflows/run", body)) == (400, "invalid_param", NOBODY)
    answer = post(bench, "/workflows/tasks/x/stop", {"user": user})
    assert told(answer) == (400, "invalid_param", NOBODY)


@IN_1_14
def test_a_user_with_nul_is_invalid_and_another_value_is_its_text(bench: Bench) -> None:
    body = {"inputs": {"name": "x"}, "user": "a\0b"}
    assert told(post(bench, "/workflows/run", body)) == (400, "invalid_param", NUL)
    assert post(bench, "/workflows/run", {**body, "user": True}).status == 200
    query = "created_by_end_user_session_id=True"
    assert bench.get("echo", f"/workflows/logs?{query}")["total"] == 1


@IN_1_14
def test_all_invalid_fields_are_named(bench: Bench) -> None:
    body = {"inputs": ["x"], "files": 5, "response_mode": "later", "user": "u"}
    errors = (
        "3 validation errors for WorkflowRunPayload\n"
        "inputs\n  Input should be a valid dictionary "
        f"[type=dict_type, input_value=['x'], input_type=list]\n{PYDANTIC}dict_type\n"
        "files\n  Input should be a valid list "
        f"[type=list_type, input_value=5, input_type=int]\n{PYDANTIC}list_type\n"
        "response_mode\n  Input should be 'blocking' or 'streaming' "
        f"[type=literal_error, input_value='later', input_type=str]\n{PYDANTIC}literal_error"
    )
    assert told(post(bench, "/workflows/run", body)) == (400, "invalid_param", errors)
    answer = post(bench, "/workflows/run", {"inputs": {}, "files": [{}, 5], "user": "u"})
    _, _, message = told(answer)
    assert message.split("\n")[:2] == ["1 validation error for WorkflowRunPayload", "files.1"]


@IN_1_14
def test_all_invalid_parameters_are_named(bench: Bench) -> None:
    _, _, message = told(get(bench, "/workflows/logs?limit=0&status=bogus&page=x"))
    lines = message.split("\n")
    assert lines[0] == "3 validation errors for WorkflowLogQuery"
    assert lines[1::3] == ["status", "page", "limit"]


@by_version(["page", "page", "page", None, None, None])
def test_before_pydantic_the_first_invalid_field_is_named(
    bench: Bench, expected: str | None
) -> None:
    body = json.loads(get(bench, "/workflows/logs?limit=0&page=0").body)
    if expected is None:
        assert body["message"].startswith("2 validation errors")
    else:
        assert (body.get("params") or next(iter(body["errors"]))) == expected
        assert "limit" not in str(body.get("errors"))


@by_version([*["Must not be null!"] * 3, *["1 validation error for WorkflowRunPayload"] * 3])
def test_inputs_of_null_are_told_from_inputs_that_are_missing(bench: Bench, expected: str) -> None:
    body = json.loads(post(bench, "/workflows/run", {"inputs": None, "user": "u"}).body)
    message = body["errors"]["inputs"] if "errors" in body else body["message"]
    assert message.split("\n")[0] == expected
    assert b"Must not be null" not in post(bench, "/workflows/run", {"user": "u"}).body


# ------------------------------------------------------------------------- inputs of a workflow

FILE = {"type": "document", "transfer_method": "remote_url", "url": "https://example.com/a.pdf"}
WRONG_INPUTS: dict[str, tuple[dict[str, Any], str]] = {
    "a path for a file": ({"doc": "a.pdf"}, "doc in input form must be a file"),
    "a list for a file": ({"doc": [FILE]}, "doc in input form must be a file"),
    "a file for a list": ({"pages": FILE}, "pages in input form must be a list of files"),
    "too many files": ({"pages": [FILE] * 4}, "pages in input form must be less than 3 files"),
    "no method": ({"doc": {"type": "document"}}, "transfer_method is required in file mapping"),
    "an unknown method": (
        {"doc": {**FILE, "transfer_method": "zzz"}},
        "'zzz' is not a valid FileTransferMethod",
    ),
    "no id": ({"doc": {"transfer_method": "local_file"}}, "Invalid upload file id"),
    "no uuid": (
        {"doc": {"transfer_method": "local_file", "upload_file_id": "nope"}},
        "Invalid upload file id format",
    ),
    "no address": (
        {"doc": {"transfer_method": "remote_url", "type": "document"}},
        "Invalid file url",
    ),
    "a kind that it does not take": (
        {"doc": {**FILE, "type": "video", "url": "https://example.com/a.mp4"}},
        "File validation failed for file: a.mp4",
    ),
    "a kind that it is not": (
        {"doc": {**FILE, "type": "image"}},
        "Detected file type does not match the specified type. Please verify the file.",
    ),
    "a text for a number": ({"count": "x"}, "count in input form must be a valid number"),
    "a number for a text": (
        {"topic": 5},
        "(type 'text-input') topic in input form must be a string",
    ),
    "too long": ({"topic": "x" * 49}, "topic in input form must be less than 48 characters"),
    "no choice": (
        {"style": "x"},
        "style in input form must be one of the following: ['plain', 'loud']",
    ),
    "an object for a box": ({"flag": {}}, "Invalid input type for ['flag']"),
    "a list for an object": ({"filter": [1]}, "filter in input form must be a dict"),
}


@pytest.mark.parametrize("wrong", WRONG_INPUTS)
def test_invalid_inputs_are_refused_in_the_servers_words(wrong: str) -> None:
    inputs, message = WRONG_INPUTS[wrong]
    with bench_with(typed) as bench:
        answer = post(bench, "/workflows/run", {"inputs": inputs, "user": "u"}, "typed")
    assert told(answer) == (400, "invalid_param", message)


def test_a_list_for_a_number_is_an_error_that_the_server_did_not_foresee() -> None:
    with bench_with(typed) as bench:
        answer = post(bench, "/workflows/run", {"inputs": {"count": [1]}, "user": "u"}, "typed")
    assert told(answer)[:2] == (500, "internal_server_error")


def test_the_emulator_has_rules_of_its_own() -> None:
    """Else tests of the client's rules against the emulator would prove nothing."""
    for module in (files, inputs, requests, state):
        sources = {getattr(each, "__module__", "") for each in vars(module).values()}
        ours = {name for name in sources if name and name.startswith("dify_workflow.")}
        assert all(
            name.startswith("dify_workflow.emulator.") for name in ours - {"dify_workflow._json"}
        )


# ------------------------------------------------------------------------ audio, previews, logs


@IN_1_14
def test_the_text_to_speak_is_checked_before_the_app(bench: Bench) -> None:
    wrong = told(post(bench, "/text-to-audio", {"text": 5, "user": "u"}))
    assert wrong[2].startswith("1 validation error for TextToAudioPayload\ntext\n")
    assert told(post(bench, "/text-to-audio", {"user": "u"}))[2] == "Text is required"
    assert told(post(bench, "/text-to-audio", {"text": "Hi"}))[2] == "TTS is not enabled"


@IN_1_14
def test_a_preview_checks_its_id_and_its_query(bench: Bench) -> None:
    unknown = get(bench, "/files/nope/preview")
    assert (unknown.status, unknown.content_type) == (404, "text/html; charset=utf-8")
    status, code, message = told(get(bench, f"/files/{SOME_ID}/preview?as_attachment=338"))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith("1 validation error for FilePreviewQuery\nas_attachment\n")
    for text in ("true", "False", "1"):
        answer = get(bench, f"/files/{SOME_ID}/preview?as_attachment={text}")
        assert told(answer)[:2] == (404, "file_not_found")


@IN_1_14
def test_an_unknown_account_is_refused_before_filters_that_do_not_go_together(bench: Bench) -> None:
    both = "keyword=a&created_by_end_user_session_id=u"
    answer = get(bench, f"/workflows/logs?{both}&created_by_account=nobody@example.com")
    message = "Account not found: nobody@example.com"
    assert told(answer) == (400, "invalid_param", message)
    assert get(bench, f"/workflows/logs?{both}").status == 500


# ------------------------------------------------------------------------------ kinds and keys

OTHER_KINDS = {
    "/chat-messages": (400, "not_chat_app"),
    "/completion-messages": (400, "app_unavailable"),
    f"/messages/{SOME_ID}/feedbacks": (404, "not_found"),
}


@pytest.mark.parametrize("bench", VERSIONS, indirect=True)
def test_endpoints_of_other_kinds_tell_that_the_key_is_a_workflows(bench: Bench) -> None:
    for path, expected in OTHER_KINDS.items():
        assert told(post(bench, path, {"user": "u"}))[:2] == expected
        assert told(post(bench, path, {}))[2] == NOBODY
    for path in ("/conversations", "/messages"):
        assert told(get(bench, path))[:2] == (400, "not_chat_app")
    assert told(get(bench, "/datasets")) == (401, "unauthorized", "Access token is invalid")


@IN_1_14
def test_a_chat_app_is_not_called_none(bench: Bench) -> None:
    assert told(get(bench, "/conversations", "chatflow"))[1] == "app_unavailable"


MUST_BE = "Authorization header must be provided and start with 'Bearer'"


@by_version([*[MUST_BE] * 5, "Access token is invalid"])
def test_another_scheme_is_told_from_none(bench: Bench, expected: str) -> None:
    def answered(authorization: str) -> tuple[int, str, str]:
        headers = [("Authorization", authorization)]
        return told(bench.answer(Call(None, "GET", "/v1/info", headers)))

    scheme = (401, "unauthorized", "Authorization scheme must be 'Bearer'")
    assert answered("Basic dXNlcjpwYXNz") == scheme
    assert answered("Bearer") == (401, "unauthorized", expected)
    assert answered("app-x") == (401, "unauthorized", MUST_BE)


def test_a_key_of_blanks_is_none() -> None:
    with Emulator(linger=0) as emulator:
        place = urlsplit(emulator.base_url)
        lines = ["GET /v1/info HTTP/1.1", "Host: localhost", "Authorization: Bearer  "]
        request = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
        with socket.create_connection((str(place.hostname), int(place.port or 0))) as connection:
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert MUST_BE.encode() in answer


# ---------------------------------------------------------------------------------- browsers

PREFLIGHT = [
    ("Origin", "https://app.example"),
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization,content-type,x-other"),
]


def preflight(bench: Bench) -> Answer:
    return bench.answer(Call(None, "OPTIONS", "/v1/workflows/run", PREFLIGHT))


def test_with_cors_a_page_of_any_origin_may_call_it() -> None:
    with bench_with(typed, cors=True) as bench:
        asked = preflight(bench)
        answer = bench.answer(Call("typed", "GET", "/v1/info", PREFLIGHT[:1]))
        plain = get(bench, "/info", "typed")
    assert (asked.status, asked.body) == (200, b"")
    assert asked.headers["access-control-allow-headers"] == "authorization, content-type"
    assert asked.headers["access-control-allow-methods"] == "DELETE, GET, OPTIONS, PATCH, POST, PUT"
    for each in (asked, answer):
        assert each.headers["access-control-allow-origin"] == "https://app.example"
        assert each.headers["vary"] == "Cookie, Origin"
    assert "access-control-allow-headers" not in answer.headers
    assert plain.headers["access-control-allow-origin"] == "*"


def test_without_cors_a_preflight_allows_nothing() -> None:
    with bench_with(typed) as bench:
        asked = preflight(bench)
    assert "access-control-allow-headers" not in asked.headers
    assert asked.headers["access-control-allow-origin"] == "*"


# ------------------------------------------------------------------------------------- streams


@by_version([False, False, True, True, True, True])
def test_text_of_an_input_comes_before_the_start_node_has_ended(
    bench: Bench, expected: bool
) -> None:
    """run_streaming_echo; up to 1.8 only what models write is streamed."""
    events = bench.start("echo", {"name": "Ann"}, "u").read()
    text = ["text_chunk"] if expected else []
    ends = ["node_started", "node_finished", "workflow_finished"]
    assert names(events) == ["workflow_started", "node_started", *text, "node_finished", *ends]


def test_texts_between_inputs_come_with_them() -> None:
    @workflow(Input("one"), Input("two"))
    def both(inputs: dict[str, Any]) -> Any:
        yield Text(inputs["one"], ("start", "one"))
        yield Text("\n")
        yield Text(inputs["two"], ("start", "two"))
        yield BeginNode("work")
        yield Text("later", ("work", "text"))
        yield EndNode("work")
        return inputs

    with bench_with(both) as bench:
        events = bench.start("both", {"one": "a", "two": "b"}, "u").read().events
    ended = next(n for n, each in enumerate(events) if each["event"] == "node_finished")
    texts = [each["data"]["text"] for each in events[:ended] if each["event"] == "text_chunk"]
    assert texts == ["a", "\n", "b"]


@IN_1_14
def test_the_node_beyond_the_limit_still_ends(bench: Bench) -> None:
    """run_streaming_manysteps_600: start, code, iteration and 498 of its nodes are 501 steps."""
    live = bench.start("manysteps", {"n": 600}, "u").read()
    for event in ("node_started", "node_finished"):
        inner = [each for each in live.events if each["event"] == event]
        assert sum(each["data"]["node_type"] == "variable-aggregator" for each in inner) == 498
    *_, before, last = live.events
    assert before["event"] == "node_finished"
    error = "Aborted: Maximum execution steps exceeded: 501 > 500"
    assert (last["data"]["status"], last["data"]["error"]) == ("failed", error)
    found = detail(bench, "manysteps", live.run_id)
    assert (found["status"], found["total_steps"]) == ("stopped", 3)


def test_nodes_are_numbered_from_1_again_after_a_pause() -> None:
    with bench_with(signoff, server_version="1.14", resume_delay=0) as bench:
        live = bench.start("signoff", {}, "u").read()
        query = "user=u&include_state_snapshot=true&continue_on_pause=true"
        call = Call("signoff", "GET", f"/v1/workflow/{live.run_id}/events?{query}")
        with_pause = Live(bench.open(call))
        with_pause.read(lambda it: "workflow_paused" in it.names)
        assert numbers(with_pause) == [("start", 1), ("first", 2)]
        answer = {"inputs": {"note": "x"}, "action": "submit", "user": "u"}
        bench.post("signoff", f"/form/human_input/{live.form_token}", answer)
        with_pause.read(lambda it: it.names.count("workflow_paused") == 2)
        with_pause.close()
        after = Live(bench.open(call)).read(lambda it: "workflow_paused" in it.names)
        after.close()
    assert numbers(after) == [("start", 1), ("first", 1), ("second", 2)]


def numbers(live: Live) -> list[tuple[str, int]]:
    """Node and number of the nodes that a snapshot tells of."""
    until = live.names[: live.names.index("workflow_paused")].count("ping")
    told = live.events[: live.names.index("workflow_paused") - until]
    started = [each["data"] for each in told if each["event"] == "node_started"]
    return [(each["node_id"], each["index"]) for each in started]


@pytest.mark.parametrize(("version", "has_link"), [("1.7", False), ("1.9", True), ("1.14", True)])
def test_in_1_7_files_among_inputs_of_start_and_end_have_no_link(
    version: str, has_link: bool
) -> None:
    with bench_with(typed, server_version=version) as bench:
        events = bench.start("typed", {"doc": FILE, "pages": [FILE]}, "u").read().events
    ended = [each["data"] for each in events if each["event"] == "node_finished"]
    assert [each["node_type"] for each in ended] == ["start", "end"]
    for data in ended:
        found = [data["inputs"]["doc"], *data["inputs"]["pages"]]
        assert {"url" in file for file in found} == {has_link}
        assert all("url" in file for file in (data["outputs"]["doc"], *data["files"]))
