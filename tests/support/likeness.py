"""How alike two answers are: what a server recorded and what a server gives now.

Ids and times are normalised, everything else counts: status, headers, the style of JSON, keys,
types and values, the sequence of events, and how a stream is cut into chunks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from support.lanes import in_lanes

_PING: dict[str, Any] = {"event": "ping", "data": {}}

_OWN_HEADERS = {
    "connection", "content-length", "date", "keep-alive", "server", "transfer-encoding",
}  # fmt: skip
"""Headers of the connection and of the server's software, which differ as they like."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX_ID = re.compile(r"\b[0-9a-f]{32}\b")
_TOKEN = re.compile(r"(?<=/human_input/)[\w-]{22}(?![\w-])")
_REPLACED = [
    (re.compile(r"Traceback \(most recent call last\):.*", re.DOTALL), "<traceback>"),
    (re.compile(r"http://[^/ ]+/files/[^/]+/file-preview\?[\w=&%-]+"), "<link>"),
    (re.compile(r"dify-file-ref:[\w=]+"), "<reference>"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d"), "<moment>"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?"), "<moment>"),
]
_TIMES = {"created_at", "finished_at", "expiration_time", "updated_at", "sys.timestamp"}
_DURATIONS = re.compile(r"elapsed_time|duration|latency")
_DURATION_MAPS = {"iteration_duration_map", "loop_duration_map"}
_OWN_VALUES = {"author_name", "icon", "sequence_number", "total_price"}
"""Keys whose values are a server's own, or an app's."""

_NODE_VALUES = {"inputs", "process_data", "outputs"}
"""Keys of node events whose contents are the node kind's own, but for start and end."""

_OF_ONE_ROW = re.compile(r'<id \d+>|(?<="session_id": ")[^"]*')
"""What tells rows of a log apart that are of the same kind."""

JSON = Any


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: a recorded one, or one that has just come.

    Args:
        status: HTTP status.
        headers: Value by name in lower case.
        pieces: The body as it came, in its HTTP chunks.
        is_whole: Whether it came to its end.
    """

    status: int
    headers: dict[str, str]
    pieces: list[bytes]
    is_whole: bool = True

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def messages(self) -> list[bytes]:
        return [message for message in self.body.split(b"\n\n") if message]


def differences(
    recorded: Answer, given: Answer, *, app: str = "", values: bool = True, pings: bool = True
) -> list[str]:
    """In what the second answer differs from the first.

    Args:
        recorded: What a real server answered.
        given: What the server under test answered.
        app: The app that answered, for what it does at the same time.
        values: Whether values count, and not only keys and types.
        pings: Whether pings count that come later than the first.
    """
    one, other = Normaliser(app, values, pings), Normaliser(app, values, pings)
    return list(_differences(recorded, given, one, other))


def _differences(
    recorded: Answer, given: Answer, one: Normaliser, other: Normaliser
) -> Iterator[str]:
    if recorded.status != given.status:
        yield f"status {recorded.status} became {given.status}: {given.body[:200]!r}"
        return
    yield from _of_headers(recorded.headers, given.headers)
    if recorded.is_whole != given.is_whole:
        yield f"whole {recorded.is_whole} became {given.is_whole}"
    if recorded.is_stream:
        yield from _of_streams(recorded, given, one, other)
    elif recorded.headers.get("content-type", "").startswith("application/json"):
        yield from _of_json(recorded.body, given.body, one, other)
    elif recorded.body != given.body:
        yield f"body {recorded.body!r} became {given.body!r}"


def _of_headers(recorded: dict[str, str], given: dict[str, str]) -> Iterator[str]:
    for name in sorted((recorded.keys() | given.keys()) - _OWN_HEADERS):
        was, now = recorded.get(name, ""), given.get(name, "")
        if was != now and (name != "allow" or set(was.split(", ")) != set(now.split(", "))):
            yield f"header {name}: {was!r} became {now!r}"


def _of_json(recorded: bytes, given: bytes, one: Normaliser, other: Normaliser) -> Iterator[str]:
    if not recorded or not given:
        if recorded != given:
            yield f"body {recorded[:200]!r} became {given[:200]!r}"
        return
    if not _styles(recorded) & _styles(given):
        yield f"JSON style {_styles(recorded)} became {_styles(given)}"
    yield from _of_values("", one.of(json.loads(recorded)), other.of(json.loads(given)))


def _styles(text: bytes) -> set[str]:
    """The ways in which servers write JSON that give this text."""
    value = json.loads(text)
    compact = json.dumps(value, separators=(",", ":"))
    written = {
        "spaced": json.dumps(value),
        "spaced, line end": json.dumps(value) + "\n",
        "compact, \\/, line end": compact.replace("/", "\\/") + "\n",
    }
    with suppress(TypeError):  # it takes no lone surrogates, which no server sends so
        written["compact, raw"] = orjson.dumps(value).decode()
    return {name for name, each in written.items() if each.encode() == text}


# ------------------------------------------------------------------------------------ streams


def _of_streams(
    recorded: Answer, given: Answer, one: Normaliser, other: Normaliser
) -> Iterator[str]:
    if any(b"\n\n" in piece[:-2] for piece in given.pieces):
        yield "a chunk has more than one message"
    if _stream_styles(recorded) and not _stream_styles(recorded) & _stream_styles(given):
        yield f"stream style {_stream_styles(recorded)} became {_stream_styles(given)}"
    first, second = one.events(recorded.messages), other.events(given.messages)
    if [name for name, _ in first.others] != [name for name, _ in second.others]:
        yield f"events {first.names} became {second.names}"
        return
    for number, ((name, was), (_, now)) in enumerate(zip(first.others, second.others, strict=True)):
        yield from _of_values(f"{number} {name}", was, now)
    yield from _of_values("text_chunk", first.texts, second.texts)


def _stream_styles(answer: Answer) -> set[str]:
    lines = [message[6:] for message in answer.messages if message.startswith(b"data: ")]
    if not answer.is_whole:
        lines = lines[:-1] if answer.body[-2:] != b"\n\n" else lines
    styles = [_styles(line) for line in lines]
    return set.intersection(*styles) if styles else set()


@dataclass(frozen=True)
class Events:
    """The events of a stream: text apart, as its place among the others is a matter of chance."""

    others: list[tuple[str, JSON]]
    texts: list[JSON]

    @property
    def names(self) -> str:
        return " ".join(name for name, _ in self.others)


# ------------------------------------------------------------------------------------- values


class Normaliser:
    """Takes from JSON what differs from run to run: ids become numbers in order of appearance.

    Args:
        app: The app that answered.
        values: Whether values are kept, and not only their types.
        pings: Whether pings are kept that come later than the first.
    """

    def __init__(self, app: str, values: bool, pings: bool) -> None:
        self._app = app
        self._values = values
        self._pings = pings
        self._ids: dict[str, str] = {}

    def events(self, messages: list[bytes]) -> Events:
        """The events of a stream's messages; pings that follow each other are one."""
        found: list[dict[str, JSON]] = []
        for message in messages:
            if message.startswith(b"data: "):
                found.append(json.loads(message[6:]))
            elif not found or (self._pings and found[-1] != _PING):
                found.append(_PING)
        texts = [self.of(event) for event in found if event["event"] == "text_chunk"]
        others = [event for event in found if event["event"] != "text_chunk"]
        ordered = in_lanes(self._app, others)
        return Events([(each["event"], self._event(each)) for each in ordered], texts)

    def _event(self, event: dict[str, JSON]) -> JSON:
        data = event.get("data", {})
        is_own = "node_type" in data and data["node_type"] not in {"start", "end"}
        if is_own:
            filled = {key: _filled(data[key]) for key in _NODE_VALUES & data.keys()}
            event = {**event, "data": {**data, **filled}}
        return self.of(event)

    def of(self, value: JSON, key: str = "") -> JSON:
        """A value without what differs from run to run."""
        if isinstance(value, dict):
            return {name: self._member(name, item) for name, item in sorted(value.items())}
        if isinstance(value, list):
            return [self.of(item, key) for item in value]
        if isinstance(value, str):
            return self._text(value)
        return value if self._values else type(value).__name__

    def _member(self, name: str, value: JSON) -> JSON:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and (name in _TIMES or _DURATIONS.search(name)):
            return f"<{type(value).__name__}>"
        if name == "form_token" and isinstance(value, str):
            return self._id(value)
        if name in _OWN_VALUES:
            return f"<{type(value).__name__}>"
        if name in _DURATION_MAPS:
            return sorted(value)
        if name in {"inputs", "outputs"} and isinstance(value, str) and value[:1] == "{":
            return ["as text", sorted(_styles(value.encode())), self.of(json.loads(value))]
        if name == "data" and isinstance(value, list):
            return self._rows(value)
        return self.of(value, name)

    def _rows(self, rows: list[JSON]) -> JSON:
        """The rows of a log: how many, and of what kinds; which ones is a matter of chance."""
        kinds = {
            json.dumps(Normaliser("", self._values, True).of(row), sort_keys=True) for row in rows
        }
        return [len(rows), *sorted({_OF_ONE_ROW.sub("<own>", kind) for kind in kinds})]

    def _text(self, text: str) -> str:
        for pattern, name in _REPLACED:
            text = pattern.sub(name, text)
        for pattern in (_UUID, _HEX_ID, _TOKEN):
            text = pattern.sub(self._named, text)
        return text if self._values else "str"

    def _named(self, match: re.Match[str]) -> str:
        return self._id(match[0])

    def _id(self, value: str) -> str:
        return self._ids.setdefault(value, f"<id {len(self._ids) + 1}>")


def _filled(value: JSON) -> JSON:
    return "<filled>" if value else "<empty>"


def _of_values(place: str, recorded: JSON, given: JSON) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(given, dict):
        for key in sorted(recorded.keys() | given.keys()):
            at = f"{place}.{key}"
            if key not in given:
                yield f"{at} is missing ({recorded[key]!r})"
            elif key not in recorded:
                yield f"{at} is new ({given[key]!r})"
            else:
                yield from _of_values(at, recorded[key], given[key])
    elif isinstance(recorded, list) and isinstance(given, list) and len(recorded) == len(given):
        for number, (was, now) in enumerate(zip(recorded, given, strict=True)):
            yield from _of_values(f"{place}[{number}]", was, now)
    elif type(recorded) is not type(given) or recorded != given:
        yield f"{place}: {recorded!r} became {given!r}"
