"""openapi.yaml is valid, complete, and says what real servers answer."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest

from dify_workflow import events
from dify_workflow.events.base import FailureEvent, FinalEvent, StreamEvent
from support.recordings import Recording, all_recordings
from support.spec import (
    ROOT,
    json_schema_of,
    operation_of,
    operations,
    schemas,
    spec,
    stream_events,
    validator,
    validator_of,
)


def test_it_is_a_valid_openapi_3_1_document() -> None:
    from openapi_spec_validator import validate  # noqa: PLC0415  # likewise

    validate(spec())
    assert spec()["openapi"].startswith("3.1.")


def test_it_has_every_operation_that_a_workflow_key_can_call() -> None:
    assert set(operations()) == {
        "run_workflow",
        "run_workflow_by_id",
        "stop_workflow_task",
        "get_workflow_run",
        "list_workflow_logs",
        "stream_workflow_events",
        "get_human_input_form",
        "submit_human_input_form",
        "upload_file",
        "preview_file",
        "get_end_user",
        "get_app_info",
        "get_app_parameters",
        "get_app_meta",
        "get_app_site",
        "audio_to_text",
        "text_to_audio",
    }
    names = [parameter["name"] for parameter in operations()["list_workflow_logs"]["parameters"]]
    assert len(names) == 8


def test_each_operation_names_its_security_which_the_generator_overlooks_at_the_top() -> None:
    assert all(operation["security"] == [{"ApiKey": []}] for operation in operations().values())


def test_each_schema_has_an_example_that_it_allows() -> None:
    for name, schema in schemas().items():
        assert schema["examples"], name
        root = {**spec(), "$ref": f"#/components/schemas/{name}"}
        for example in schema["examples"]:
            validator_of(root).validate(example)


def test_each_property_is_described() -> None:
    for name, schema in schemas().items():
        assert schema.get("description"), name
        for key, value in schema.get("properties", {}).items():
            assert value.get("description") or "$ref" in value, f"{name}.{key}"


def test_each_property_that_can_be_missing_is_nullable_because_the_client_fills_in_none() -> None:
    for name, schema in schemas().items():
        for key, value in schema.get("properties", {}).items():
            marked = {"x-since", "x-until", "x-omitted"} & value.keys()
            if not marked or key not in schema.get("required", []):
                continue
            kinds = [value.get("type"), *(option.get("type") for option in value.get("anyOf", []))]
            nullable = "null" in kinds or any("null" in kind for kind in kinds if kind)
            assert nullable or ("type" not in value and "anyOf" not in value), f"{name}.{key}"


def test_no_schema_is_unused() -> None:
    text = json.dumps({"paths": spec()["paths"], "components": spec()["components"]})
    text += json.dumps(spec()["x-stream-events"])
    used = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert used == set(schemas())


@pytest.mark.parametrize(
    "played",
    [played for played in all_recordings() if "json" in played.content_type and played.body],
    ids=str,
)
def test_each_recorded_json_body_is_as_its_schema_says(played: Recording) -> None:
    operation = operation_of(played)
    # Three recordings answer paths that are no part of the API; their errors look like all others.
    name = json_schema_of(operation, played.status) if operation else None
    if played.status >= 400:
        name = "Error"
    if name is None:
        assert played.target in {"/v1/", "/api/form/human_input/u4CmMqEWRPZAiXM3VInU0b"}
        return
    validator(name, played.version).validate(json.loads(played.body))


@pytest.mark.parametrize(
    "played", [played for played in all_recordings() if played.is_stream], ids=str
)
def test_each_recorded_event_is_as_its_schema_says(played: Recording) -> None:
    for event in played.events:
        validator(stream_events()[event["event"]], played.version).validate(event)


def test_each_recorded_error_is_one_that_its_operation_lists() -> None:
    everywhere = {(status, code) for status, codes in spec()["x-errors"].items() for code in codes}
    for played in all_recordings():
        operation = operation_of(played)
        if played.status < 400 or operation is None or "json" not in played.content_type:
            continue
        code = json.loads(played.body or b"{}").get("code")
        listed = operation.get("x-errors", {}).get(played.status, [])
        assert code is None or code in listed or (played.status, code) in everywhere, played.id


def test_each_error_that_a_description_names_is_listed() -> None:
    for name, operation in operations().items():
        for status, code in re.findall(r"\b(4\d\d) `(\w+)`", operation["description"]):
            assert code in operation["x-errors"][int(status)], name


def test_each_mark_of_a_version_is_one() -> None:
    marks = re.findall(r"""["']x-(?:since|until)["']: *([^,}]*)""", str(spec()))
    assert len(marks) > 50
    assert all(re.fullmatch(r"'1\.\d+\.\d+'", mark) for mark in marks), marks


def test_the_recordings_show_that_the_schemas_can_refuse() -> None:
    check = validator("TextChunkEvent", "1.14.2")
    good = {
        "event": "text_chunk",
        "workflow_run_id": "r",
        "task_id": "t",
        "data": {"text": "x", "from_variable_selector": None},
    }
    assert check.is_valid(good)
    assert not check.is_valid({**good, "event": "text"})
    assert not check.is_valid({**good, "data": {"text": 1, "from_variable_selector": None}})
    assert not check.is_valid({**good, "data": {"from_variable_selector": None}})
    assert not validator("NodeStartedData", "1.14.2").is_valid({"id": "n"})


# ------------------------------------------------------------------- what is made of the spec


def test_each_stream_event_has_a_class_of_its_own() -> None:
    assert set(events.EVENT_CLASSES) == set(stream_events())
    for name, cls in events.EVENT_CLASSES.items():
        assert cls.__name__ in events.__all__
        event = cls(schemas()[stream_events()[name]]["examples"][0])
        assert event.event == name


def test_the_payload_of_each_event_is_the_generated_model_of_its_schema() -> None:
    for name, cls in events.EVENT_CLASSES.items():
        message = schemas()[stream_events()[name]]
        event: StreamEvent[Any] = cls(message["examples"][0])
        data = message["properties"].get("data")
        expected = data["$ref"].rpartition("/")[2] if data else stream_events()[name]
        assert type(event.data).__name__ == expected
        assert event.data.to_dict() == (event.raw["data"] if data else event.raw)


def test_the_events_that_end_a_stream_are_those_that_the_spec_marks() -> None:
    roles = {"final": FinalEvent, "failure": FailureEvent}
    for name, cls in events.EVENT_CLASSES.items():
        role = schemas()[stream_events()[name]].get("x-role")
        for known, base in roles.items():
            assert issubclass(cls, base) == (role == known), name


def test_a_generated_model_reads_what_a_server_leaves_out_as_none() -> None:
    for name, cls in events.EVENT_CLASSES.items():
        schema = schemas()[stream_events()[name]]
        if "data" not in schema["properties"]:
            continue
        payload = schemas()[schema["properties"]["data"]["$ref"].rpartition("/")[2]]
        optional = {
            key
            for key, value in payload["properties"].items()
            if {"x-since", "x-until", "x-omitted"} & value.keys()
        }
        example = schema["examples"][0]
        data = {key: value for key, value in example["data"].items() if key not in optional}
        event: StreamEvent[Any] = cls({**example, "data": data})
        assert all(event.data.to_dict()[key] is None for key in optional), name


def test_what_the_generated_tree_was_made_from_is_what_is_here() -> None:
    """A change of the spec without `make generate` shows here, without running the generator."""
    pins = (ROOT / "requirements" / "generate.txt").read_text(encoding="utf-8").splitlines()
    provenance = json.loads((ROOT / "generated" / "provenance.json").read_text(encoding="utf-8"))
    for path, digest in provenance["sha256"].items():
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == digest, path
    for tool, known in provenance["versions"].items():
        assert any(pin.startswith(f"{tool}=={known} ") for pin in pins), tool
