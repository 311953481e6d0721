"""How far a request has got, as httpcore reports it (its extension "trace")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Progress:
    """Notes whether the headers of a request began to leave.

    Args:
        is_reported: Whether the transport is known to report. Others may report or not, and where
            nothing was reported the request counts as sent.
    """

    def __init__(self, *, is_reported: bool) -> None:
        self._is_reported = is_reported
        self._has_begun = False
        self.is_shared = False
        """Whether the connection is one of HTTP/2, which has other streams."""

    @property
    def may_be_sent(self) -> bool:
        """Whether the server may have got any of the request."""
        return self._has_begun or not self._is_reported

    def note(self, step: str, info: Mapping[str, Any]) -> None:
        """Take a report.

        Args:
            step: Such as ``"http11.send_request_headers.started"``.
            info: What belongs to it.
        """
        self._is_reported = True
        self.is_shared = self.is_shared or step.startswith("http2.")
        if step.endswith("send_request_headers.started"):
            # A proxy is asked with CONNECT first, of which the server hears nothing.
            self._has_begun = self._has_begun or info["request"].method != b"CONNECT"

    async def anote(self, step: str, info: Mapping[str, Any]) -> None:
        """Take a report, for async transports."""
        self.note(step, info)
