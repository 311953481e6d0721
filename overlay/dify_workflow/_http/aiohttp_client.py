"""`DefaultAioHttpClient`: an `httpx.AsyncClient` that sends with aiohttp."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from ..errors import ConfigurationError
from .libraries import CALL_TIMEOUT, OWN_LIMITS
from .proxies import proxy_map


class DefaultAioHttpClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` that sends with aiohttp and needs less CPU time per event.

    It gives the same guarantees as the default connections: a run is sent once, and an error says
    whether the request may have been sent. It needs the extra ``aiohttp``, and asyncio or uvloop.
    It uses HTTP/1.1. Proxies that are not ``http://`` use httpx's own connections.

    Args:
        verify: An SSL context, also with a client certificate; False to skip the check of the
            server's certificate. By default it is checked as in httpx.
        proxy: A proxy for all requests, instead of those in the environment.
        mounts: Transports by URL pattern.
        limits: Limits for connections. By default there is no limit, because every open stream
            needs one.
        trust_env: Whether to read ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``,
            ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.
        timeout: Seconds for each phase of a request, or an `httpx.Timeout`.
        auth: As in `httpx.AsyncClient`. Requests of `AsyncDifyWorkflow` use their API key instead.
        headers: Headers of every request.
        event_hooks: Functions to call for each ``"request"`` and ``"response"``.
        base_url: Base of relative URLs.

    Raises:
        ConfigurationError: aiohttp is not installed.

    Example::

        async with DefaultAioHttpClient() as http, AsyncDifyWorkflow(http_client=http) as client:
            run = await client.run_workflow({"name": "Ann"})
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | bool = True,
        proxy: httpx.Proxy | httpx.URL | str | None = None,
        mounts: Mapping[str, httpx.AsyncBaseTransport | None] | None = None,
        limits: httpx.Limits = OWN_LIMITS,
        trust_env: bool = True,
        timeout: httpx.Timeout | float | None = CALL_TIMEOUT,
        auth: httpx.Auth | tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        event_hooks: Mapping[str, list[Callable[..., object]]] | None = None,
        base_url: httpx.URL | str = "",
    ) -> None:
        context = httpx.create_ssl_context(verify=verify, trust_env=trust_env)
        proxies: Mapping[str, httpx.Proxy | httpx.URL | str | None] = {}
        if proxy is not None:
            proxies = {"all://": proxy}
        elif trust_env:
            proxies = proxy_map()
        found = {key: _through(each, context, limits) for key, each in proxies.items()}
        hooks: Any = event_hooks
        super().__init__(
            auth=auth,
            headers=headers,
            timeout=timeout,
            event_hooks=hooks,
            base_url=base_url,
            trust_env=trust_env,
            transport=_transport(context, limits),
            mounts={**found, **(mounts or {})},
        )


def _transport(
    context: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None = None
) -> httpx.AsyncBaseTransport:
    try:
        from .aiohttp_transport import AioHttpTransport
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        raise ConfigurationError(
            "DefaultAioHttpClient needs aiohttp: pip install 'dify-workflow[aiohttp]'."
        ) from error
    return AioHttpTransport(context, limits, proxy)


def _through(
    proxy: httpx.Proxy | httpx.URL | str | None, context: ssl.SSLContext, limits: httpx.Limits
) -> httpx.AsyncBaseTransport | None:
    """The transport for requests through a proxy; None for no proxy."""
    if proxy is None:
        return None
    made = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(proxy)
    if made.url.scheme == "http":
        return _transport(context, limits, made)
    return httpx.AsyncHTTPTransport(verify=context, limits=limits, proxy=made)
