"""Support for httpx and its successor httpx2, two packages with the same names.

It finds out which package a client belongs to, without importing a package that is not installed,
and makes our own clients.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar

import httpx

from ..errors import ConfigurationError
from .proxies import proxy_map

if TYPE_CHECKING:
    import ssl

    import httpx2

    HTTPClient: TypeAlias = httpx.Client | httpx2.Client
    AsyncHTTPClient: TypeAlias = httpx.AsyncClient | httpx2.AsyncClient
else:
    HTTPClient: TypeAlias = httpx.Client
    AsyncHTTPClient: TypeAlias = httpx.AsyncClient

OwnT = TypeVar("OwnT", httpx.Client, httpx.AsyncClient)

CALL_TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=30.0, pool=30.0)
"""The default timeouts of requests that are not streams (seconds)."""

OWN_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""No limit, because every open stream uses a connection: with httpx's limit, run 101 would wait."""

_PACKAGES = ("httpx", "httpx2")


def is_client(value: object, name: str) -> TypeGuard[Any]:
    """Whether a value is a ``"Client"`` (or ``"AsyncClient"``) of httpx or httpx2."""
    return any(
        isinstance(value, getattr(sys.modules[package], name))
        for package in _PACKAGES
        if package in sys.modules
    )


def checked_client(client: Any, name: str) -> Any:
    """Return the user's own client (or None) if it has the expected class.

    Args:
        client: The value of `http_client`.
        name: The expected class: ``"Client"`` or ``"AsyncClient"``.

    Raises:
        ConfigurationError: It is another kind of object.
    """
    if client is not None and not is_client(client, name):
        raise ConfigurationError(
            f"http_client must be an httpx.{name} or httpx2.{name}, not {type(client).__name__}."
        )
    return client


def base_url_of(client: Any) -> str | None:
    """The base URL of the user's own client, if it has one."""
    is_one = is_client(client, "Client") or is_client(client, "AsyncClient")
    return str(client.base_url) or None if is_one else None


@cache
def _ssl_context() -> ssl.SSLContext:
    """One TLS context for the process, because making one takes about 20 ms."""
    return httpx.create_ssl_context()


def own_client(kind: type[OwnT], name: str) -> OwnT:
    """Make an httpx client of our own.

    Args:
        kind: The class of the client.
        name: Name of the method that was called, for messages.

    Raises:
        ConfigurationError: A proxy or certificate file in the environment cannot be used.
    """
    transport: Any = httpx.HTTPTransport if kind is httpx.Client else httpx.AsyncHTTPTransport
    try:
        mounts: dict[str, Any] = {
            pattern: proxy and transport(verify=_ssl_context(), limits=OWN_LIMITS, proxy=proxy)
            for pattern, proxy in proxy_map().items()
        }
        client = kind(
            verify=_ssl_context(),
            timeout=CALL_TIMEOUT,
            limits=OWN_LIMITS,
            mounts=mounts,
            trust_env=False,  # `proxy_map` has read the environment
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"{name}: cannot set up connections; check the environment variables HTTP_PROXY, "
            f"HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE ({reason})."
        ) from error
    for header in ("accept", "accept-encoding", "user-agent"):  # `build_request` sets them
        del client.headers[header]
    return client


def error_name(error: BaseException) -> str | None:
    """Name of the exception class of httpx or httpx2; None for other exceptions.

    For a subclass of such a class it is the name of the httpx class.
    """
    for cls in type(error).__mro__:
        if cls.__module__.partition(".")[0] in _PACKAGES:
            return cls.__name__
    return None


def hold_pools(client: Any, backend_of: Callable[[Any, Any], Any]) -> bool:
    """Replace the network backend in the connection pools of one of our own clients.

    This uses private names of httpx: the pool of a transport, and its network backend. If they are
    missing, the deadline is checked only when data arrives, as with a client of the user. Only
    `bulk_chunks` uses other private names, and `async_network` two of httpcore, to remove a
    connection from the pool.

    Args:
        client: The client, which was not used yet.
        backend_of: Makes our backend from the pool's own backend and the pool.

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
