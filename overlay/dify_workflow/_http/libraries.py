"""httpx, and httpx2 which continues it: the same names in two packages.

Which one a client is of is found out without importing what is not installed. Here is what is asked
of their clients, and how our own ones are made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar

import httpx

from .._proxies import proxy_map
from ..errors import ConfigurationError

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
"""Bounds of a request that nobody gave bounds, but of those for a stream."""

OWN_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
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
            pattern: proxy and transport(verify=_ssl_context(), limits=OWN_LIMITS, proxy=proxy)
            for pattern, proxy in proxy_map().items()
        }
        return kind(
            verify=_ssl_context(),
            timeout=CALL_TIMEOUT,
            limits=OWN_LIMITS,
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


def hold_pools(client: Any, backend_of: Callable[[Any, Any], Any]) -> bool:
    """Give the pools of one of our own clients a network backend of ours.

    This uses private names of httpx: a transport's pool and its network backend. Where they are
    missing, the deadline is checked when data arrives, as with a client of the user's. Others are
    used in `bulk_chunks` alone, and two of httpcore in `async_network`, to forget a connection.

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
