"""Compares two answers: the recorded one of a server, and its present one.

Ids and times are normalised (`normal`), everything else counts: status, headers, the style of
JSON, keys, types and values, the sequence of events, and how a stream is cut into chunks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from support.normal import JSON, Normaliser, Terms, json_styles

PING = b"event: ping"

_OWN_HEADERS = {
    "connection", "content-length", "date", "keep-alive", "server", "transfer-encoding",
}  # fmt: skip
"""Headers of the connection and of the server's software, which differ as they like."""


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
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def messages(self) -> list[bytes]:
        """The messages of a stream that have come whole."""
        return self.body.split(b"\n\n")[:-1]


def differences(recorded: Answer, given: Answer, terms: Terms) -> list[str]:
    """In what the second answer differs from the first.

    Args:
        recorded: What a real server answered.
        given: What the server under test answered.
        terms: What counts.
    """
    return list(_differences(recorded, given, terms))


def _differences(recorded: Answer, given: Answer, terms: Terms) -> Iterator[str]:
    if recorded.status != given.status:
        yield f"status {recorded.status} became {given.status}: {given.body[:200]!r}"
        return
    yield from _of_headers(recorded.headers, given.headers, terms)
    if recorded.is_whole != given.is_whole:
        yield f"whole {recorded.is_whole} became {given.is_whole}"
    if recorded.content_type.startswith("text/event-stream"):
        yield from _of_streams(recorded, given, terms)
    elif recorded.content_type.startswith("application/json") and recorded.body and given.body:
        yield from _of_json(recorded.body, given.body, terms)
    elif recorded.body != given.body and terms.values:
        yield f"body {recorded.body[:300]!r} became {given.body[:300]!r}"


def _of_headers(recorded: dict[str, str], given: dict[str, str], terms: Terms) -> Iterator[str]:
    names = (recorded.keys() | given.keys()) - _OWN_HEADERS
    for name in sorted(names) if terms.values else ["content-type"]:
        was, now = recorded.get(name, ""), given.get(name, "")
        if set(was.split(", ")) != set(now.split(", ")):
            yield f"header {name}: {was!r} became {now!r}"


def _of_json(recorded: bytes, given: bytes, terms: Terms) -> Iterator[str]:
    if not json_styles(recorded) & json_styles(given):
        yield f"JSON style {json_styles(recorded)} became {json_styles(given)}"
    was, now = (Normaliser(terms).of(json.loads(body)) for body in (recorded, given))
    yield from _of_values("", was, now)


def _of_streams(recorded: Answer, given: Answer, terms: Terms) -> Iterator[str]:
    if any(b"\n\n" in piece[:-2] for piece in given.pieces):
        yield "a chunk has more than one message"
    was, now = _stream_styles(recorded), _stream_styles(given)
    if was and not was & now:
        yield f"stream style {was} became {now}"
    first, second = (Normaliser(terms).events(answer.messages) for answer in (recorded, given))
    if [name for name, _ in first.others] != [name for name, _ in second.others]:
        yield f"events {first.names} became {second.names}"
        return
    for number, ((name, old), (_, new)) in enumerate(zip(first.others, second.others, strict=True)):
        yield from _of_values(f"{number} {name}", old, new)
    yield from _of_values("text_chunk", first.texts, second.texts)
    if PING in recorded.messages[1:] and PING not in given.messages[1:]:
        yield "later pings are missing"


def _stream_styles(answer: Answer) -> set[str]:
    events = (message[6:] for message in answer.messages if message.startswith(b"data: "))
    styles = [json_styles(event) for event in events]
    return set.intersection(*styles) if styles else set()


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
