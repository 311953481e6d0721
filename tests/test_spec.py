"""openapi.yaml is valid, complete, and says what real servers answer."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import attrs
import pytest

from dify_workflow import events
from dify_workflow.events.base import FailureEvent, FinalEvent, StreamEvent
from dify_workflow_api import models as wire
from dify_workflow_api.types import UNSET
from scripts.generate._generator_input import sent_by_servers
from support.recordings import Recording, all_recordings
from support.spec import (
    MARKS,
    ROOT,
    is_sent_by,
    json_schema_of,
    number,
    operation_of,
    operations,
    schemas,
    spec,
    stream_events,
    validator,
)


def test_it_is_a_valid_openapi_3_1_document() -> None:
    from openapi_spec_validator import validate  # noqa: PLC0415  # likewise

    validate(spec())
    assert spec()["openapi"].startswith("3.1.")


def test_the_client_calls_each_operation_and_no_other() -> None:
    source = (ROOT / "overlay" / "dify_workflow" / "_api" / "operations.py").read_text("utf-8")
    called = re.findall(r"from dify_workflow_api\.api\.\w+\.(\w+) import", source)
    assert set(called) == set(operations())


def test_each_operation_names_its_security_which_the_generator_overlooks_at_the_top() -> None:
    assert all(operation["security"] == [{"ApiKey": []}] for operation in operations().values())


def test_each_schema_has_examples_and_the_first_is_of_the_version_that_is_described() -> None:
    for name, schema in schemas().items():
        described = max(spec()["info"]["version"], schema.get("x-since", "1.0"), key=number)
        validator(name, schema.get("x-until", described)).validate(schema["examples"][0])
        for example in schema["examples"]:
            validator(name).validate(example)


def test_each_property_is_described() -> None:
    for name, schema in schemas().items():
        assert schema.get("description"), name
        for key, value in schema.get("properties", {}).items():
            assert value.get("description") or "$ref" in value, f"{name}.{key}"


def test_what_servers_send_is_required_unless_a_mark_says_when_it_is_missing() -> None:
    """So that no key is optional for want of knowledge, and none required that may be missing."""
    for name in sent_by_servers(spec()):
        required = set(schemas()[name].get("required", []))
        for key, member in schemas()[name].get("properties", {}).items():
            assert (key in required) != bool(MARKS & member.keys()), f"{name}.{key}"


def test_times_sizes_and_tokens_have_64_bits_which_typed_languages_ask_for() -> None:
    found = 0
    for name, schema in schemas().items():
        for key, member in schema.get("properties", {}).items():
            for option in [member, *member.get("anyOf", []), *member.get("oneOf", [])]:
                if "integer" in option.get("type", "") and re.search("(_at|_time|ize|ns)$", key):
                    assert option.get("format") == "int64", f"{name}.{key}"
                    found += 1
    assert found > 30


def test_no_schema_is_unused() -> None:
    text = json.dumps({"paths": spec()["paths"], "components": spec()["components"]})
    text += json.dumps(spec()["x-stream-events"])
    used = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert used == set(schemas())


def is_json(played: Recording) -> bool:
    return "json" in played.content_type and bool(played.body)


@pytest.mark.parametrize("played", [*filter(is_json, all_recordings())], ids=str)
def test_each_recorded_json_body_is_as_its_schema_says(played: Recording) -> None:
    operation = operation_of(played)
    # Three recordings answer paths that are no part of the API; their errors look like all others.
    name = json_schema_of(operation, played.status) if operation else None
    if played.status >= 400:
        name = "Error"
    if name is None:
        assert played.target in {"/v1/", "/api/form/human_input/u4CmMqEWRPZAiXM3VInU0b"}
        return
    for version in (None, played.version):
        validator(name, version).validate(json.loads(played.body))


@pytest.mark.parametrize(
    "played", [played for played in all_recordings() if played.is_stream], ids=str
)
def test_each_recorded_event_is_as_its_schema_says(played: Recording) -> None:
    for event in played.events:
        name = stream_events()[event["event"]]
        assert is_sent_by(schemas()[name], played.version)
        for version in (None, played.version):
            validator(name, version).validate(event)


def test_an_endpoint_answers_only_the_versions_that_have_it() -> None:
    for played in all_recordings():
        operation = operation_of(played)
        if operation and not is_sent_by(operation, played.version):
            assert (played.status, "html" in played.content_type) == (404, True), played.id


def test_each_recorded_error_is_one_that_its_operation_lists() -> None:
    everywhere = {(status, code) for status, codes in spec()["x-errors"].items() for code in codes}
    for played in all_recordings():
        operation = operation_of(played)
        if played.status < 400 or operation is None or "json" not in played.content_type:
            continue
        code = json.loads(played.body or b"{}").get("code")
        listed = operation.get("x-errors", {}).get(str(played.status), [])
        assert code is None or code in listed or (str(played.status), code) in everywhere, played.id


def test_each_error_that_a_description_names_is_listed() -> None:
    for name, operation in operations().items():
        for status, code in re.findall(r"\b(4\d\d) `(\w+)`", operation["description"]):
            assert code in operation["x-errors"][status], name


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
    assert not check.is_valid({**good, "data": {**good["data"], "more": 1}})
    assert not validator("NodeStartedData", "1.14.2").is_valid({"id": "n"})


def test_the_schemas_of_a_version_refuse_what_others_send() -> None:
    old = {"iterator_length": 3}
    new = {"iteration_length": 3}
    for versions, wrong in (("1.8.1 1.0.1", new), ("1.9.0 1.14.2", old)):
        for version in versions.split():
            check = validator("IterationMetadata", version)
            assert check.is_valid(old if wrong is new else new)
            assert not check.is_valid(wrong)
            assert not check.is_valid({})
            assert not check.is_valid({**old, **new})
    assert validator("IterationMetadata").is_valid({})


# ------------------------------------------------------------------- what is made of the spec


def test_each_stream_event_has_a_class_of_its_own() -> None:
    assert set(events.EVENT_CLASSES) == set(stream_events())
    for name, cls in events.EVENT_CLASSES.items():
        assert cls.__name__ in events.__all__
        event = cls(schemas()[stream_events()[name]]["examples"][0])
        assert event.event == name


def without_nulls(value: Any) -> Any:
    """A value in which a key that is null is like one that is missing."""
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


def test_the_payload_of_each_event_is_the_generated_model_of_its_schema() -> None:
    for name, cls in events.EVENT_CLASSES.items():
        message = schemas()[stream_events()[name]]
        event: StreamEvent[Any] = cls(message["examples"][0])
        data = message["properties"].get("data")
        expected = data["$ref"].rpartition("/")[2] if data else stream_events()[name]
        assert type(event.data).__name__ == expected
        sent = event.raw["data"] if data else event.raw
        assert without_nulls(event.data.to_dict()) == without_nulls(sent)


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
        optional = {key for key, value in payload["properties"].items() if MARKS & value.keys()}
        example = schema["examples"][0]
        data = {key: value for key, value in example["data"].items() if key not in optional}
        event: StreamEvent[Any] = cls({**example, "data": data})
        assert all(event.data.to_dict()[key] is None for key in optional), name


def test_no_unset_reaches_a_user_who_reads_what_a_server_sent() -> None:
    for name in sent_by_servers(spec()):
        model = getattr(wire, name)
        if attrs.has(model):
            assert {field.name for field in attrs.fields(model) if field.default is UNSET} == set()
    assert attrs.fields(wire.RunWorkflowBody).files.default is UNSET, "the test can fail"


def test_what_the_generated_tree_was_made_from_is_what_is_here() -> None:
    """A change of the spec without `make generate` shows here, without running the generator."""
    pins = (ROOT / "requirements" / "generate.txt").read_text(encoding="utf-8").splitlines()
    provenance = json.loads((ROOT / "generated" / "provenance.json").read_text(encoding="utf-8"))
    for path, digest in provenance["sha256"].items():
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == digest, path
    for tool, known in provenance["versions"].items():
        assert any(pin.startswith(f"{tool}=={known} ") for pin in pins), tool
