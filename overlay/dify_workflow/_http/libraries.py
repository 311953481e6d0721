"""httpx, and httpx2 which continues it: the same names in two packages.

Which one a client is of is found out without importing what is not installed. Here is what is asked
of their clients, requests and responses, and how our own clients are made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar

import httpx

from .._proxies import proxy_map
from .._secret import ApiKey
from ..errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

    import httpx2

    from .request import Call

    HTTPClient: TypeAlias = httpx.Client | httpx2.Client
    AsyncHTTPClient: TypeAlias = httpx.AsyncClient | httpx2.AsyncClient
else:
    HTTPClient: TypeAlias = httpx.Client
    AsyncHTTPClient: TypeAlias = httpx.AsyncClient

OwnT = TypeVar("OwnT", httpx.Client, httpx.AsyncClient)

CALL_TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=30.0, pool=30.0)
"""Bounds of a request that nobody gave bounds, but of those for a stream."""

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""Every open stream holds a connection: a bound would let the 101st run wait for the others."""

_PACKAGES = ("httpx", "httpx2")


def is_client(value: object, name: str) -> TypeGuard[Any]:
    """Whether a value is a ``"Client"`` (or ``"AsyncClient"``) of one of the two packages."""
    return any(
        isinstance(value, getattr(sys.modules[package], name))
        for package in _PACKAGES
        if package in sys.modules
    )


def checked_client(client: Any, name: str) -> Any:
    """The user's own client, if any; ``"Client"`` or ``"AsyncClient"`` is wanted.

    Raises:
        ConfigurationError: It is another kind of object.
    """
    if client is not None and not is_client(client, name):
        raise ConfigurationError(
            f"http_client must be an httpx.{name} or httpx2.{name}, not {type(client).__name__}."
        )
    return client


def base_url_of(client: Any) -> str | None:
    """The base URL that the user's own client has, if any."""
    is_one = is_client(client, "Client") or is_client(client, "AsyncClient")
    return str(client.base_url) or None if is_one else None


@cache
def _ssl_context() -> ssl.SSLContext:
    """One TLS context for the process; making one takes some 20 ms."""
    return httpx.create_ssl_context()


def own_client(kind: type[OwnT], name: str) -> OwnT:
    """An httpx client of our own, for the method of this name.

    Raises:
        ConfigurationError: A proxy or a certificate file that the environment names cannot be used.
    """
    transport: Any = httpx.HTTPTransport if kind is httpx.Client else httpx.AsyncHTTPTransport
    try:
        mounts: dict[str, Any] = {
            pattern: proxy and transport(verify=_ssl_context(), limits=_LIMITS, proxy=proxy)
            for pattern, proxy in proxy_map().items()
        }
        return kind(
            verify=_ssl_context(),
            timeout=CALL_TIMEOUT,
            limits=_LIMITS,
            mounts=mounts,
            trust_env=False,  # `proxy_map` has read it
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"{name}: cannot set up connections; do HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY "
            f"and SSL_CERT_FILE hold what they should? {reason}"
        ) from error


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


def bearer(key: ApiKey) -> Callable[[Any], Any]:
    """What puts the key on a request just before it is sent, so that no frame holds it before."""

    def put(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        return request

    return put


def header_dict(call: Call[Any], response: Any) -> dict[str, str]:
    """The headers of an answer, names in lower case, without the key that a server may echo.

    It is taken out of the reason phrase too, which `repr` of an answer shows.
    """
    hide = call.key.hide_in
    phrase: bytes = response.extensions.get("reason_phrase", b"")
    response.extensions["reason_phrase"] = call.key.hide_in_bytes(phrase)
    return {hide(name.lower()): hide(value) for name, value in response.headers.items()}


def content_of(response: Any) -> bytes:
    """The body, as far as a hook of the user's client has read it before it raised."""
    try:
        content: bytes = response.content
    except Exception:  # noqa: BLE001  # of either package: it was not read
        return b""
    return content


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

    def is_sent(self, error: BaseException) -> bool:
        """Whether the server may have got any of a request that failed with this exception."""
        # Of the wait for a connection httpcore reports nothing.
        cause = error.__cause__
        waited = error_name(error) == "PoolTimeout" and type(cause).__module__.startswith(
            "httpcore"
        )
        return self.may_be_sent and not waited

    def note(self, step: str, info: Mapping[str, Any]) -> None:
        """Take a report, such as of ``"http11.send_request_headers.started"``."""
        self._is_reported = True
        self.is_shared = self.is_shared or step.startswith("http2.")
        if step.endswith("send_request_headers.started"):
            # A proxy is asked with CONNECT first, of which the server hears nothing.
            self._has_begun = self._has_begun or info["request"].method != b"CONNECT"

    async def anote(self, step: str, info: Mapping[str, Any]) -> None:
        """Take a report, for async transports."""
        self.note(step, info)


def hold_pools(client: Any, backend_of: Callable[[Any, Any], Any]) -> bool:
    """Give the pools of one of our own clients a network backend of ours.

    This is the one place that uses private names of httpx: a transport's pool and its network
    backend. Where they are missing, the deadline is checked when data arrives, as with a client
    of the user's. (`async_network` looks at two names of httpcore, to forget a connection.)

    Args:
        client: The client, which nobody has used yet.
        backend_of: Makes ours, of a pool's own backend and the pool.

    Returns:
        Whether httpx has these names.
    """
    mounts: dict[Any, Any] = getattr(client, "_mounts", {})
    transports: list[Any] = [getattr(client, "_transport", None), *mounts.values()]
    pools = [transport._pool for transport in transports if hasattr(transport, "_pool")]
    if not pools or not all(hasattr(pool, "_network_backend") for pool in pools):
        return False
    for pool in pools:
        pool._network_backend = backend_of(pool._network_backend, pool)
    return True
