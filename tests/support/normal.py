"""JSON without the values that differ from run to run: ids, times, durations, an app's own."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from support.lanes import in_lanes

JSON = Any
Event = dict[str, Any]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX_ID = re.compile(r"\b[0-9a-f]{32}\b")
_TOKEN = re.compile(r"(?<=/human_input/)[\w-]{22}(?![\w-])")
_REPLACED = [
    (re.compile(r"Traceback \(most recent call last\):.*", re.DOTALL), "<traceback>"),
    (re.compile(r"https?://[^/ ]+/files/[^/]+/file-preview\?[\w=&%-]+"), "<link>"),
    (re.compile(r"dify-file-ref:[\w=]+"), "<reference>"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d"), "<moment>"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?"), "<moment>"),
]
"""What texts are shown as, whichever they are."""

_TYPES_ALONE = re.compile(
    r"(created|finished|updated)_at|expiration_time|sys\.timestamp|elapsed_time|duration|latency"
    r"|sequence_number|author_name|icon|total_price"
)
"""Keys of whose values only the type counts: times, and what is an app's or a server's own."""

_DURATION_MAPS = {"iteration_duration_map", "loop_duration_map"}

_ALWAYS = {"code", "event", "node_id", "node_type", "status", "variable"}
"""Keys whose values count even where others do not."""

_NODE_VALUES = {"inputs", "process_data", "outputs"}
"""Keys of node events whose contents are the node kind's own, but for start and end."""

_OF_A_STOP = {"failed", "running", "stopped"}
_DECIDED_BY_A_RACE = {"error", "finished_at", "status"}

_OF_ONE_ROW = re.compile(r'<id \d+>|(?<="session_id": ")[^"]*')
"""What tells rows of a log apart that are of the same kind."""

_PING: Event = {"event": "ping", "data": {}}


@dataclass(frozen=True)
class Terms:
    """What counts when answers are compared.

    Args:
        app: The app that answers, for what it does at the same time.
        values: Whether values count, and not only keys and types; and how many pieces a text has.
        is_stopped: Whether a run was stopped, and a race decides what its record says of it: 1.14
            says ``stopped`` in the stream and ``running`` for ever elsewhere, or ``failed`` in
            the stream and ``stopped`` elsewhere.
    """

    app: str = ""
    values: bool = True
    is_stopped: bool = False


@dataclass(frozen=True)
class Events:
    """The events of a stream: text apart, as its place among the others is a matter of chance."""

    others: list[tuple[str, JSON]]
    texts: list[JSON]

    @property
    def names(self) -> str:
        return " ".join(name for name, _ in self.others)


class Normaliser:
    """Normalises one answer; ids become numbers in the order in which they appear.

    Args:
        terms: What counts.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._ids: dict[str, str] = {}

    def events(self, messages: list[bytes]) -> Events:
        """The events of a stream's messages, and the ping before them; others have their time."""
        found: list[Event] = []
        for message in messages:
            if message.startswith(b"data: "):
                found.append(json.loads(message[6:]))
            elif not found:
                found.append(_PING)
        texts = [self.of(event) for event in found if event["event"] == "text_chunk"]
        others = [event for event in found if event["event"] != "text_chunk"]
        texts = texts if self._terms.values else _kinds(texts)
        ordered = in_lanes(self._terms.app, others)
        return Events([(each["event"], self.of(_without_own(each))) for each in ordered], texts)

    def of(self, value: JSON) -> JSON:
        """A value without what differs from run to run."""
        if isinstance(value, dict):
            if self._terms.is_stopped and value.get("status") in _OF_A_STOP:
                value = {name: value[name] for name in value.keys() - _DECIDED_BY_A_RACE}
            return {name: self._member(name, item) for name, item in sorted(value.items())}
        if isinstance(value, list):
            items = [self.of(item) for item in value]
            return items if self._terms.values else _kinds(items)
        if isinstance(value, str):
            return self._text(value) if self._terms.values else "<str>"
        return value if self._terms.values else f"<{type(value).__name__}>"

    def _member(self, name: str, value: JSON) -> JSON:
        if name in _ALWAYS and isinstance(value, str):
            return value
        if name == "form_token" and isinstance(value, str):
            return self._id(value)
        if _TYPES_ALONE.search(name) and not isinstance(value, dict | list):
            return f"<{type(value).__name__}>"
        if name in _DURATION_MAPS:
            return sorted(value)
        if name in {"inputs", "outputs"} and isinstance(value, str) and value[:1] == "{":
            return ["as text", sorted(json_styles(value.encode())), self.of(json.loads(value))]
        if name == "data" and isinstance(value, list):
            return self._rows(value)
        return self.of(value)

    def _rows(self, rows: list[JSON]) -> JSON:
        """The rows of a log: how many, and of what kinds; which ones is a matter of chance."""
        if not self._terms.values:
            return _kinds([self.of(row) for row in rows])
        kinds = {json.dumps(Normaliser(self._terms).of(row), sort_keys=True) for row in rows}
        return [len(rows), *sorted({_OF_ONE_ROW.sub("<own>", kind) for kind in kinds})]

    def _text(self, text: str) -> str:
        for pattern, name in _REPLACED:
            text = pattern.sub(name, text)
        for pattern in (_UUID, _HEX_ID, _TOKEN):
            text = pattern.sub(lambda match: self._id(match[0]), text)
        return text

    def _id(self, value: str) -> str:
        return self._ids.setdefault(value, f"<id {len(self._ids) + 1}>")


def _without_own(event: Event) -> Event:
    """A node's event without what its kind puts into it: only whether there is something."""
    data = event.get("data", {})
    if data.get("node_type", "end") in {"start", "end"}:
        return event
    filled = {key: "<filled>" if data[key] else "<empty>" for key in _NODE_VALUES & data.keys()}
    return {**event, "data": {**data, **filled}}


def _kinds(items: list[JSON]) -> list[JSON]:
    """Each of some values once."""
    return [json.loads(text) for text in sorted({json.dumps(item) for item in items})]


def json_styles(text: bytes) -> set[str]:
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
