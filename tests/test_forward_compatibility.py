"""What newer servers may add or leave out is read, and nothing that is known gets lost.

Each recording gets more in it; in one of each shape, hypothesis draws what changes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any

import attrs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dify_workflow import DifyError, UnknownEvent, WorkflowLogsRequest
from dify_workflow._api import operations
from dify_workflow._api.files import OpenFile, Payload
from dify_workflow._api.log_query import LogQuery
from dify_workflow._http.answer import Answer
from dify_workflow._http.failures import status_error
from dify_workflow._http.request import Operation
from dify_workflow._json import load
from dify_workflow._secret import ApiKey
from dify_workflow._streams.session import StreamSession
from support.events import RUN, TASK
from support.recordings import Recording, all_recordings, by_version
from support.spec import MARKS, json_schema_of, operation_of, schemas, stream_events

KEY = ApiKey("app-key")
FEW = settings(
    max_examples=10,
    phases=[Phase.reuse, Phase.generate],  # what is drawn is small; to shrink it takes minutes
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
EXTRA = st.dictionaries(st.sampled_from(["zz_new", "zz-newer", "zzNewest"]), JSON, min_size=1)
UNKNOWN = st.sampled_from(["hibernating", "", "QUEUED", "succeeded-later"])

Path = tuple[str | int, ...]


def shape(value: Any) -> object:
    """Keys and types of a value, so that recordings can be told apart by them."""
    if isinstance(value, dict):
        return frozenset((key, shape(item)) for key, item in value.items())
    if isinstance(value, list):
        return frozenset(shape(item) for item in value)
    return type(value)


FILE = OpenFile(Payload(BytesIO(), "f", can_rewind=True), "f", "text/plain")
READERS: dict[str, Operation[Any]] = {
    "BlockingRun": operations.run_workflow("run", {}, "u", mode="blocking"),
    "WorkflowRunDetail": operations.get_workflow_run(RUN),
    "StopTaskResult": operations.stop_workflow_task(TASK, "u"),
    "WorkflowLogPage": operations.list_workflow_logs(
        "logs", WorkflowLogsRequest(), LogQuery(None, None)
    ),
    "HumanInputFormDetail": operations.get_human_input_form("token"),
    "SubmitHumanInputFormResult": operations.submit_human_input_form("token", "ok", {}, "u"),
    "StoredFile": operations.upload_file(
        OpenFile(Payload(BytesIO(), "f", can_rewind=True), "f", None), "u"
    ),
    "AppInfo": operations.get_app_info(),
    "AppParameters": operations.get_app_parameters(),
    "AppMeta": operations.get_app_meta(),
    "AppSite": operations.get_app_site(),
    "EndUser": operations.get_end_user(RUN),
}
"""What reads an answer, by the name of its schema."""


def reader_of(played: Recording) -> Operation[Any]:
    return READERS[str(name_of(played))]


def one_of_each(
    played: Iterable[Recording], look: Callable[[Recording], object]
) -> list[Recording]:
    return list({look(each): each for each in played}.values())


def name_of(played: Recording) -> str | None:
    """Name of the schema of a recorded JSON answer."""
    operation = operation_of(played)
    return json_schema_of(operation, played.status) if operation else None


def is_read(played: Recording) -> bool:
    if "json" not in played.content_type or not played.body or played.status >= 400:
        return False
    return name_of(played) is not None


ANSWERS = one_of_each(
    (played for played in all_recordings() if is_read(played)),
    lambda played: (name_of(played), shape(json.loads(played.body))),
)
STREAMS = one_of_each(
    (played for played in all_recordings() if played.is_stream and played.events),
    lambda played: frozenset((each["event"], shape(each)) for each in played.events),
)
ERRORS = one_of_each(
    (
        played
        for played in all_recordings()
        if played.status >= 400 and "json" in played.content_type
    ),
    lambda played: (played.status, shape(json.loads(played.body or b"null"))),
)


# ------------------------------------------------------------------------ what a change may touch


def places(
    schema: dict[str, Any], value: Any, path: Path = ()
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every member that a value has and its schema knows, with the member's schema."""
    for option in [schema, *schema.get("anyOf", [])]:
        known = schemas()[option["$ref"].rpartition("/")[2]] if "$ref" in option else option
        if isinstance(value, list) and "items" in known:
            for index, item in enumerate(value):
                yield from places(known["items"], item, (*path, index))
        if isinstance(value, dict):
            for name, member in known.get("properties", {}).items():
                if name in value:
                    yield (*path, name), member
                    yield from places(member, value[name], (*path, name))


def resolved(member: dict[str, Any]) -> list[dict[str, Any]]:
    options = [member, *member.get("anyOf", [])]
    return [schemas()[o["$ref"].rpartition("/")[2]] if "$ref" in o else o for o in options]


def may_be_left_out(member: dict[str, Any]) -> bool:
    return bool(MARKS & member.keys())


def may_be_null(member: dict[str, Any]) -> bool:
    kinds = [kind for option in resolved(member) for kind in [option.get("type")]]
    return any(kind == "null" or (isinstance(kind, list) and "null" in kind) for kind in kinds)


def is_enumeration(member: dict[str, Any]) -> bool:
    return any("x-extensible-enum" in option for option in resolved(member))


def put(value: Any, path: Path, change: Callable[[Any, Any], None]) -> None:
    """Change what holds a place, unless an earlier change has taken it away."""
    for step in path[:-1]:
        try:
            value = value[step]
        except (KeyError, TypeError):
            return
    if isinstance(value, dict) and path[-1] in value:
        change(value, path[-1])


def changed(draw: st.DrawFn, schema: str, value: Any) -> Any:
    """The value as a newer server might send it, within what the spec allows."""
    value = copy.deepcopy(value)
    known = list(places({"$ref": f"#/components/schemas/{schema}"}, value))
    kinds: list[tuple[Callable[[dict[str, Any]], bool], Callable[[Any, Any], None]]] = [
        (is_enumeration, lambda owner, key: owner.update({key: draw(UNKNOWN)})),
        (may_be_null, lambda owner, key: owner.update({key: None})),
        (may_be_left_out, lambda owner, key: owner.pop(key)),
    ]
    for fits, change in kinds:
        candidates = [path for path, member in known if fits(member)]
        if candidates:
            for path in draw(st.lists(st.sampled_from(candidates), max_size=4)):
                put(value, path, change)
    return grown(value, draw(EXTRA))


def grown(value: Any, extra: dict[str, Any]) -> Any:
    """The value with more members in each of its objects."""
    if isinstance(value, dict):
        return {**{key: grown(item, extra) for key, item in value.items()}, **extra}
    return [grown(item, extra) for item in value] if isinstance(value, list) else value


def is_kept(old: Any, new: Any) -> bool:
    """Whether all that is in the one is in the other, which may have more members."""
    if attrs.has(type(old)):
        return type(old) is type(new) and all(
            is_kept(getattr(old, field.name), getattr(new, field.name))
            for field in attrs.fields(type(old))
        )
    if isinstance(old, dict):
        return isinstance(new, dict) and all(
            key in new and is_kept(item, new[key]) for key, item in old.items()
        )
    if isinstance(old, list | tuple):
        return len(old) == len(new) and all(map(is_kept, old, new))
    return type(old) is type(new) and old == new


# ---------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("played", by_version(ANSWERS), ids=str)
def test_an_answer_with_more_in_it_is_read_as_before(played: Recording) -> None:
    operation = reader_of(played)
    original = json.loads(played.body)
    before = read(operation, original)

    @FEW
    @given(EXTRA)
    def check(extra: dict[str, Any]) -> None:
        after = read(operation, grown(original, extra))
        assert is_kept(before, after), (before, after)

    check()


def read(operation: Any, value: Any) -> Any:
    """What becomes of an answer; its error where it is refused, such as a run of nulls."""
    try:
        return operation.read(Answer("test", 200, {}, KEY, json.dumps(value).encode()))
    except DifyError as error:
        return type(error)


@pytest.mark.parametrize("played", by_version(ANSWERS), ids=str)
def test_unknown_values_nulls_and_missing_keys_of_an_answer_are_read(played: Recording) -> None:
    schema = name_of(played)
    assert schema is not None
    model, operation = load(schema), reader_of(played)
    original = json.loads(played.body)

    @FEW
    @given(st.data())
    def check(data: st.DataObject) -> None:
        value = data.draw(st.composite(changed)(schema, original))
        assert is_kept(value, model.from_dict(value).to_dict())  # type: ignore[attr-defined]  # all models have it
        read(operation, value)

    check()


@pytest.mark.parametrize("played", by_version(ANSWERS), ids=str)
def test_a_null_anywhere_in_an_answer_is_read_or_refused(played: Recording) -> None:
    operation = reader_of(played)
    original = json.loads(played.body)
    schema = {"$ref": f"#/components/schemas/{name_of(played)}"}
    for path, _ in list(places(schema, original))[:60]:
        value = copy.deepcopy(original)
        put(value, path, lambda owner, key: owner.update({key: None}))
        read(operation, value)


@pytest.mark.parametrize("played", ERRORS, ids=str)
def test_an_error_with_more_fields_is_raised_as_before(played: Recording) -> None:
    original = json.loads(played.body or b"null")

    @FEW
    @given(EXTRA)
    def check(extra: dict[str, Any]) -> None:
        body = json.dumps({**original, **extra} if isinstance(original, dict) else original)
        before = status_error("test", played.status, {}, json.dumps(original))
        after = status_error("test", played.status, {}, body)
        assert (type(after), str(after), after.code) == (type(before), str(before), before.code)

    check()


MORE = {"zz_new": {"zz-newer": [1, None, "☃"]}}


def test_every_recorded_answer_with_more_in_it_is_read_as_before() -> None:
    for played in filter(is_read, all_recordings()):
        operation, original = reader_of(played), json.loads(played.body)
        assert is_kept(read(operation, original), read(operation, grown(original, MORE))), played


# ---------------------------------------------------------------------------------------- streams


def listened(messages: list[dict[str, Any]]) -> tuple[list[Any], Any]:
    """The events of a stream, and what comes of it: a run, or the type of an error."""
    session = StreamSession("test", max_event_bytes=10**7)
    session.begin({}, KEY)
    for message in messages:
        session.receive(b"data: " + json.dumps(message).encode() + b"\n\n")
    session.finish()
    events = list(session.ready)
    try:
        return events, session.result()
    except DifyError as error:
        return events, type(error)


@pytest.mark.parametrize("played", by_version(STREAMS), ids=str)
def test_a_stream_with_more_events_and_more_in_them_is_read_as_before(played: Recording) -> None:
    original = played.events[:40]
    before, result = listened(original)
    last = max(len(before) - 1, 0)

    @FEW
    @given(EXTRA, st.lists(st.integers(0, last), max_size=3), st.sampled_from(["zz_new", "node_"]))
    def check(extra: dict[str, Any], at: list[int], name: str) -> None:
        messages = grown(original, extra)
        for index in sorted(at, reverse=True):
            messages.insert(index, {**original[0], "event": name, "data": extra})
        events, after = listened(messages)
        known = [event for event in events if not isinstance(event, UnknownEvent)]
        assert len(events) - len(known) == len(at)
        assert [type(event) for event in known] == [type(event) for event in before]
        assert all(is_kept(old.data, new.data) for old, new in zip(before, known, strict=True))
        assert is_kept(result, after), (result, after)

    check()


def test_every_recorded_stream_with_more_events_and_more_in_them_is_read_as_before() -> None:
    for played in all_recordings():
        if played.is_stream and (original := played.events):
            before, result = listened(original)
            new = {**original[0], "event": "zz_new", "data": MORE}
            events, after = listened([new, *grown(original, MORE)])
            assert isinstance(events[0], UnknownEvent), played
            assert [type(event) for event in events[1:]] == [type(event) for event in before]
            assert is_kept(result, after), played


@pytest.mark.parametrize("played", by_version(STREAMS), ids=str)
def test_unknown_values_nulls_and_missing_keys_of_events_are_read(played: Recording) -> None:
    original = played.events[:40]

    @FEW
    @given(st.data())
    def check(data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(original) - 1))
        event = original[index]
        messages = [*original]
        messages[index] = data.draw(st.composite(changed)(stream_events()[event["event"]], event))
        for heard in listened(messages)[0]:
            assert heard.raw in messages
            payload = heard.raw.get("data", heard.raw)
            assert is_kept(payload, heard.data.to_dict())

    check()
