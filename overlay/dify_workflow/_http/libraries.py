"""httpx, and httpx2 which continues it: the same names in two packages.

Which one a client is of is found out without importing what is not installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any, TypeGuard, TypeVar

from .._deadline import Deadline

ClientT = TypeVar("ClientT")

_PACKAGES = ("httpx", "httpx2")


def is_client(value: object, name: str) -> TypeGuard[Any]:
    """Whether a value is a client of one of the two packages.

    Args:
        value: The value.
        name: ``"Client"`` or ``"AsyncClient"``.
    """
    return any(
        isinstance(value, getattr(sys.modules[package], name))
        for package in _PACKAGES
        if package in sys.modules
    )


def error_name(error: BaseException) -> str | None:
    """Name of the class of an exception of one of the two packages; None for any other one.

    Of an exception that derives from theirs it is their class that counts.
    """
    for cls in type(error).__mro__:
        if cls.__module__.partition(".")[0] in _PACKAGES:
            return cls.__name__
    return None


def package_of(request: object) -> ModuleType:
    """The package that a request or response is of."""
    return sys.modules[type(request).__module__.partition(".")[0]]


@lru_cache
def cut_body_class(package: ModuleType) -> Any:
    """The class of a request's body that is not sent on when a deadline has passed."""

    class CutBody(package.SyncByteStream):  # type: ignore[misc, name-defined]  # known at run time alone
        """A body whose pieces are bounded together; httpcore bounds each alone."""

        def __init__(self, body: Any, deadline: Deadline) -> None:
            self._body = body
            self._deadline = deadline

        def __iter__(self) -> Iterator[bytes]:
            for piece in self._body:
                if self._deadline.has_passed:
                    raise package.WriteTimeout("the deadline passed")
                yield piece

    return CutBody


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
