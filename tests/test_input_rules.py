"""Inputs are checked by exactly the rules that the server applies in blocking mode."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dify_workflow import BadRequestError, WorkflowRunRequest
from dify_workflow.emulator import Emulator, Input, Sleep, workflow
from dify_workflow.inputs import problems, undeclared
from dify_workflow.inputs.values import needs_check, wire_inputs
from support.recordings import all_recordings, recording


def form_of(app: str) -> Any:
    if app == "echo":
        return [Input("name").to_wire()]
    return json.loads(recording(f"1.14.2/get_parameters_{app}").body)["user_input_form"]


RUNS = [
    played
    for played in all_recordings()
    if played.method == "POST"
    and played.target == "/v1/workflows/run"
    and played.version in {"1.13.3", "1.14.2"}
    and '"blocking"' in played.request_body
    and "json" in played.content_type
    and played.app in {"branchy", "files", "human", "echo"}
]

BEYOND_THE_FORM = {
    "Arg user must be provided.",
    "Invalid upload file",  # whether it is there, and whose it is, the server alone knows
    "Detected file type does not match the specified type. Please verify the file.",
}


@pytest.mark.parametrize("played", RUNS, ids=str)
def test_each_recorded_blocking_run_is_judged_as_the_server_did(played: Any) -> None:
    try:
        body = json.loads(played.request_body)
    except ValueError:
        return
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, dict):
        return
    found = problems(form_of(played.app), inputs)
    answer = json.loads(played.body)
    if played.status == 200:
        assert found == []
    elif answer["message"] in BEYOND_THE_FORM:
        assert played.status == 400
    elif answer["code"] == "invalid_param" and "validation error" not in answer["message"]:
        assert found[0].message == answer["message"]


def field(kind: str, **more: Any) -> list[dict[str, Any]]:
    described = {"variable": "x", "label": "x", "type": kind, "required": False, "options": []}
    return [{kind: {**described, **more}}]


LOCAL = {"type": "document", "transfer_method": "local_file", "upload_file_id": "a" * 32}
REMOTE = {"type": "document", "transfer_method": "remote_url", "url": "https://example.com/x"}
DOCUMENTS = {"allowed_file_types": ["document"], "allowed_file_upload_methods": ["local_file"]}

CASES: list[tuple[str, list[dict[str, Any]], Any, str | None]] = [
    ("an optional input may be missing", field("text-input"), None, None),
    ("a required one may not", field("text-input", required=True), None, "x is required"),
    ("an empty text is a text", field("text-input", required=True), "", None),
    ("a text is no number", field("text-input"), 5, "(type 'text-input') x in input form must be"),
    ("a paragraph is no list", field("paragraph"), [], "(type 'paragraph') x in input form must"),
    ("as long as allowed", field("text-input", max_length=3), "abc", None),
    ("characters count, not bytes", field("text-input", max_length=3), "☃☃☃", None),
    ("longer than allowed", field("text-input", max_length=3), "abcd", "less than 3 characters"),
    ("old apps have the bound as text", field("text-input", max_length="3"), "abcd", "less than 3"),
    ("no bound is no bound", field("paragraph", max_length=None), "x" * 9999, None),
    ("a number", field("number"), 1.5, None),
    ("a number as text", field("number"), " 12 ", None),
    ("a decimal as text", field("number"), "1.5e3", None),
    (
        "no exponent without a point",
        field("number"),
        "1e3",
        "x in input form must be a valid number",
    ),
    ("text for a number", field("number"), "abc", "x in input form must be a valid number"),
    ("an empty text for a number", field("number"), " ", None),
    ("yes is a number", field("number"), True, None),
    ("a list is no number", field("number"), [1], "x in input form must be a number, not a list"),
    ("an object is no number", field("number"), {}, "must be a number, not an object"),
    ("an option", field("select", options=["a", "b"]), "a", None),
    ("no option", field("select", options=["a", "b"]), "c", "one of the following: ['a', 'b']"),
    ("an option is text", field("select", options=["1"]), 1, "must be a string"),
    ("a default counts", field("select", options=["a"], default="z"), None, "one of the following"),
    ("a good default", field("select", options=["a"], default="a"), None, None),
    (
        "a default does not fill what is required",
        field("text-input", required=True, default="a"),
        None,
        "required",
    ),
    ("anything for a checkbox", field("checkbox"), "junk", None),
    ("but an object", field("checkbox"), {}, "Invalid input type for ['x']"),
    ("or a list of objects", field("checkbox"), [{}], "Invalid input type for ['x']"),
    ("a JSON object", field("json_object"), {"a": 1}, None),
    ("an empty text for an object", field("json_object"), "", None),
    ("text for an object", field("json_object"), "{}", "x in input form must be a dict"),
    ("a file", field("file", **DOCUMENTS), LOCAL, None),
    ("an empty text for a file", field("file"), "", None),
    ("an empty text for a required file", field("file", required=True), "", "must be a file"),
    ("text for a file", field("file"), "a.pdf", "must be a file; pathlib.Path uploads one"),
    ("a list for a file", field("file"), [LOCAL], "x in input form must be a file"),
    ("a file without a method", field("file"), {"type": "image"}, "transfer_method is required"),
    (
        "a file with another method",
        field("file"),
        {**LOCAL, "transfer_method": "zzz"},
        "'zzz' is not",
    ),
    (
        "a file without an id",
        field("file"),
        {**LOCAL, "upload_file_id": ""},
        "Invalid upload file id",
    ),
    (
        "an id that is none",
        field("file"),
        {**LOCAL, "upload_file_id": "x"},
        "upload file id format",
    ),
    (
        "the server's own name",
        field("file"),
        {**LOCAL, "upload_file_id": None, "reference": "dify-file-ref:x"},
        None,
    ),
    ("a file without an address", field("file"), {**REMOTE, "url": None}, "Invalid file url"),
    (
        "the address's other name",
        field("file"),
        {**REMOTE, "url": None, "remote_url": "https://x"},
        None,
    ),
    (
        "a kind that there is not",
        field("file"),
        {**LOCAL, "type": "zzz"},
        "'zzz' is not a valid FileType",
    ),
    (
        "a kind that is not allowed",
        field("file", **DOCUMENTS),
        {**LOCAL, "type": "image"},
        "validation failed",
    ),
    ("a way that is not allowed", field("file", **DOCUMENTS), REMOTE, "File validation failed"),
    (
        "images come in any way",
        field("file", allowed_file_upload_methods=["local_file"]),
        {**REMOTE, "type": "image"},
        None,
    ),
    (
        "a tool's file is always allowed",
        field("file", **DOCUMENTS),
        {"type": "image", "transfer_method": "tool_file"},
        None,
    ),
    (
        "another kind without endings",
        field("file"),
        {**LOCAL, "type": "custom"},
        "validation failed",
    ),
    (
        "another kind with endings",
        field("file", allowed_file_extensions=[".zip"]),
        {**LOCAL, "type": "custom"},
        None,
    ),
    ("a list of files", field("file-list", max_length=2, **DOCUMENTS), [LOCAL, LOCAL], None),
    ("an empty list", field("file-list", required=True), [], None),
    (
        "too many files",
        field("file-list", max_length=1),
        [LOCAL, LOCAL],
        "must be less than 1 files",
    ),
    ("a file for a list", field("file-list"), LOCAL, "x in input form must be a list of files"),
    ("a list of texts", field("file-list"), ["a"], "x in input form must be a list of files"),
    ("the server passes over what has no method", field("file-list"), [{"type": "image"}], None),
    ("and over addresses that are none", field("file-list"), [{**REMOTE, "url": ""}], None),
    ("but not over bad ids", field("file-list"), [{**LOCAL, "upload_file_id": "x"}], "id format"),
    ("a kind of input that is not known", field("brand-new", required=False), object, None),
]


@pytest.mark.parametrize(
    ("form", "value", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_rules(form: Any, value: Any, message: str | None) -> None:
    found = problems(form, {} if value is None else {"x": value})
    if message is None:
        assert found == []
    else:
        (problem,) = found
        assert problem.name == "x"
        assert message in problem.message


@pytest.mark.parametrize("form", [None, [], {}, "x", [1], [{"text-input": None}], [{"a": {}}]])
def test_a_form_of_another_shape_refuses_nothing(form: Any) -> None:
    assert problems(form, {"x": 1}) == []


def test_every_problem_is_listed_in_the_order_of_the_form() -> None:
    form = [Input("a").to_wire(), Input("b", "number").to_wire(), Input("c").to_wire()]
    assert [problem.name for problem in problems(form, {"b": "x", "c": "fine"})] == ["a", "b"]


def test_names_that_the_app_does_not_declare() -> None:
    assert undeclared([Input("a").to_wire()], {"a": 1, "b": 2}) == ["b"]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (None, True),
        ("1.13.0", True),
        ("1.14.2", True),
        ("1.14.2-fix.1", True),
        ("1.12.1", False),
        ("1.15.0", False),
        ("1.1.3", False),
        ("2.13.0", False),
    ],
)
def test_only_servers_that_would_keep_silent_need_the_check(
    version: str | None, *, expected: bool
) -> None:
    assert needs_check(version) is expected


def test_the_emulators_blocking_mode_refuses_in_the_same_words(emulator: Emulator) -> None:
    """The emulator applies these very rules; this holds the way from the wire to them."""
    with emulator.client("story") as client, pytest.raises(BadRequestError) as caught:
        client.run_workflow(WorkflowRunRequest({"topic": 5}), response_mode="blocking")
    (problem,) = problems(emulator.workflows[0].form(), {"topic": 5})
    assert caught.value.message == problem.message


def test_inputs_are_checked_in_the_form_in_which_they_are_sent() -> None:
    form = [Input("x", "file-list").to_wire()]
    assert problems(form, wire_inputs({"x": ()}, {})) == []


def test_a_workflow_of_the_emulator_declares_what_parameters_shows() -> None:
    @workflow(Input("doc", "file"), Input("size", "select", options=["s", "l"]))
    def made(_inputs: Any) -> Any:
        yield Sleep(0)

    assert made.form() == [
        {
            "file": {
                "variable": "doc",
                "label": "doc",
                "type": "file",
                "required": True,
                "max_length": 48,
                "options": [],
                "allowed_file_types": ["document", "image"],
                "allowed_file_extensions": [],
                "allowed_file_upload_methods": ["local_file", "remote_url"],
            }
        },
        {
            "select": {
                "variable": "size",
                "label": "size",
                "type": "select",
                "required": True,
                "max_length": 48,
                "options": ["s", "l"],
            }
        },
    ]
