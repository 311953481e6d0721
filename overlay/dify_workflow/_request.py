"""The request of a call, as httpx sends it."""

from __future__ import annotations

import platform
from collections.abc import Generator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import httpx

from ._call import Call
from ._json import encode
from ._options import NotGiven
from ._secret import ApiKey
from ._version import __version__
from .errors import ConfigurationError

Timeout: TypeAlias = float | httpx.Timeout | None
"""Seconds that each phase of a call may make no progress; None for no bound."""

CALL_TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=30.0, pool=30.0)
_STREAM_TIMEOUT = httpx.Timeout(connect=5.0, read=35.0, write=30.0, pool=30.0)
"""Servers ping every 10 s (DIFY.md section 4), so 35 s of silence are three pings missed."""

_HTTPX_TIMEOUT = httpx.Timeout(5.0)
"""What httpx has by default: a client with it was not set up for streams, so it does not count."""

_USER_AGENT = (
    f"dify-workflow/{__version__} python/{platform.python_version()} httpx/{httpx.__version__}"
)

_ACCEPT = {"json": "application/json", "events": "text/event-stream", "bytes": "*/*"}

_url = lru_cache(maxsize=256)(httpx.URL)
"""Parses a URL, which takes as long as all else that a request is made of."""


class Bearer(httpx.Auth):
    """Puts the key on a request just before it is sent: no frame holds a dict that shows it."""

    def __init__(self, key: ApiKey) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        yield request


def build_request(
    client: httpx.Client | httpx.AsyncClient, call: Call[Any], defaults: Mapping[str, str] | None
) -> httpx.Request:
    """The request of a call, from what the generated request builder made.

    Args:
        client: Which will send it.
        call: The call.
        defaults: Headers of a client of our own, names in lower case; None for one of the user's.

    Raises:
        ConfigurationError: httpx does not take the base URL.
    """
    built = dict(call.operation.request)
    method, path, given = built.pop("method"), built.pop("url"), built.pop("headers", {})
    headers = {"user-agent": _USER_AGENT, "accept": _ACCEPT[call.operation.answer]}
    if call.operation.answer == "events" or call.deadline.is_set:
        # Compressed, events would wait for each other, and `tighten` could not bound their wait.
        headers["accept-encoding"] = "identity"
    headers |= {name.lower(): value for name, value in given.items()}
    if "json" in built:  # httpx encodes NaN before 0.28 and escapes what is not ASCII
        built["content"] = encode(built.pop("json"))
    timeout = _timeout(client, call)
    try:
        url = _url(call.base_url + path)
        if defaults is None:
            return client.build_request(method, url, headers=headers, timeout=timeout, **built)
        # Merging what our own client has takes twice as long as the request itself, and what httpx
        # does to find out the length of bytes as long as all the rest.
        headers = {**defaults, **headers}
        if built.keys() <= {"content"}:
            content: bytes = built.pop("content", b"")
            headers = {"host": url.netloc.decode("ascii"), **headers}
            if method != "get":
                headers["content-length"] = str(len(content))
            built["stream"] = httpx.ByteStream(content)
        return httpx.Request(
            method,
            url,
            headers=headers,
            cookies=client.cookies or None,
            extensions={"timeout": httpx.Timeout(timeout).as_dict()},
            **built,
        )
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"{call.operation.name}: {call.base_url}: {error}") from None


def _timeout(client: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> Timeout:
    """The call's own bounds, else those of the user's httpx client, else the ones for its kind."""
    if not isinstance(call.timeout, NotGiven):
        return call.timeout
    if client.timeout not in (_HTTPX_TIMEOUT, CALL_TIMEOUT):
        return client.timeout
    return _STREAM_TIMEOUT if call.operation.answer == "events" else CALL_TIMEOUT
