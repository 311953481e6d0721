"""The recorded exchanges with real servers, as tests/recordings has them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

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
        return [
            chunk["text"].encode() if "text" in chunk else base64.b64decode(chunk["b64"])
            for chunk in self._exchange["response"]["chunks"]
        ]

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
    def events(self) -> list[dict[str, Any]]:
        """The events of a stream, decoded; an unfinished last one is left out."""
        blocks = self.body.split(b"\n\n")[:-1]
        return [json.loads(block[6:]) for block in blocks if block.startswith(b"data: ")]

    def __str__(self) -> str:
        return self.id


@cache
def all_recordings() -> tuple[Recording, ...]:
    return tuple(Recording(path) for path in sorted(FOLDER.glob("*/*.json")))


@cache
def recording(identifier: str) -> Recording:
    """The recording of that version and name."""
    path = FOLDER / f"{identifier}.json"
    assert path.is_file(), identifier
    return Recording(path)
