"""The recorded exchanges with real servers, from tests/recordings."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "recordings"


@dataclass(frozen=True)
class Recording:
    """One HTTP exchange."""

    path: Path

    @property
    def id(self) -> str:
        """Version and name, such as ``1.14.2/run_streaming_echo``."""
        return f"{self.version}/{self.path.stem}"

    @property
    def version(self) -> str:
        return self.path.parent.name

    @cached_property
    def _exchange(self) -> dict[str, Any]:
        exchange: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return exchange

    @property
    def method(self) -> str:
        return str(self._exchange["request"]["method"])

    @property
    def target(self) -> str:
        return str(self._exchange["request"]["target"])

    @property
    def request_body(self) -> str:
        body = self._exchange["request"]["body"] or {}
        return str(body.get("text", ""))

    @property
    def request_bytes(self) -> bytes:
        """The body of the request as it was sent."""
        return _bytes(self._exchange["request"]["body"] or {"text": ""})

    @property
    def request_headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._exchange["request"]["headers"]]

    @property
    def app(self) -> str:
        """Which workflow app answered; tests/recordings/README.md says what each is."""
        return str(self._exchange["app"])

    @property
    def status(self) -> int:
        return int(self._exchange["response"]["status"])

    @property
    def reason(self) -> str:
        return str(self._exchange["response"]["reason"])

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._exchange["response"]["headers"]]

    @property
    def content_type(self) -> str:
        return {name.lower(): value for name, value in self.headers}.get("content-type", "")

    @cached_property
    def chunks(self) -> list[bytes]:
        """The body as the server sent it, one piece an HTTP chunk."""
        return [_bytes(chunk) for chunk in self._exchange["response"]["chunks"]]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def is_cut(self) -> bool:
        """Whether the connection broke before the end of the body."""
        return self._exchange["response"]["end"] == "cut"

    @property
    def is_stream(self) -> bool:
        return self.content_type.startswith("text/event-stream")

    @property
    def messages(self) -> list[bytes]:
        """The messages of a stream, pings included; an unfinished last one is left out."""
        return self.body.split(b"\n\n")[:-1]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of a stream, decoded; an unfinished last one is left out."""
        return [json.loads(each[6:]) for each in self.messages if each.startswith(b"data: ")]

    def __str__(self) -> str:
        return self.id


def _bytes(kept: dict[str, str]) -> bytes:
    return kept["text"].encode() if "text" in kept else base64.b64decode(kept["b64"])


@cache
def all_recordings() -> tuple[Recording, ...]:
    return tuple(Recording(path) for path in sorted(FOLDER.glob("*/*.json")))


REPRESENTATIVE = "1.14.2"
"""The version of which there is most; those of others are played in `make test-all` alone."""


def by_version(recordings: Iterable[Recording]) -> list[Any]:
    """Recordings as parameters of a test, which is slow for all versions but one."""
    return [
        pytest.param(each, marks=() if each.version == REPRESENTATIVE else pytest.mark.slow)
        for each in recordings
    ]


@cache
def recording(identifier: str) -> Recording:
    """The recording of that version and name."""
    path = FOLDER / f"{identifier}.json"
    assert path.is_file(), identifier
    return Recording(path)
