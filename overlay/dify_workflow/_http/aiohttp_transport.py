"""An httpx transport that sends with aiohttp, which needs less time per event. Only for asyncio.

A failure before the first byte was sent is `httpx.ConnectError`, `ConnectTimeout`, `PoolTimeout` or
`ProxyError`. A later failure is another exception. Functions return exceptions instead of raising
them in an ``except`` block: `aiohttp_exchange` says why.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
import h11
import httpx
from yarl import URL

from .aiohttp_exchange import EXCHANGE, Exchange, Request, Response, StaleConnectionError, broken

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey

_HEAD = 100 * 1024
"""The most bytes of a header, as in httpcore."""

_NEVER = 10.0 * 365 * 24 * 3600
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_INFO = {"client_addr": "sockname", "server_addr": "peername"}
"""asyncio's names of connection data, by httpx's names."""


class _Connector(aiohttp.TCPConnector):
    """A connector with a limit for idle connections.

    Args:
        max_idle: How many idle connections it keeps; None for no limit.
        options: Options of `aiohttp.TCPConnector`.
    """

    def __init__(self, max_idle: int | None, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]  # aiohttp's types
        self._max_idle = max_idle

    def _release(
        self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False
    ) -> None:
        is_full = (
            self._max_idle is not None
            and sum(len(idle) for idle in self._conns.values()) >= self._max_idle
        )
        super()._release(key, protocol, should_close=should_close or is_full)


class _NetworkStream:
    """The connection, with the interface of httpx's extension ``network_stream``."""

    def __init__(self, transport: asyncio.Transport, body: _Body) -> None:
        self._transport = transport
        self._body = body

    def lift_bound(self, *, is_lifted: bool) -> None:
        """Switch off the read timeout of this answer, or switch it on again."""
        self._body.is_lifted = is_lifted

    async def aclose(self) -> None:
        self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        return self._transport.get_extra_info(_INFO.get(info, info))


class _Body(httpx.AsyncByteStream):
    """The body of an answer. A new iteration continues where the last one ended."""

    def __init__(self, answer: aiohttp.ClientResponse, exchange: Exchange, pool: _Pool) -> None:
        self._answer = answer
        self._content = answer.content
        self._exchange = exchange
        self._pool = pool
        self._is_closed = False
        self.is_lifted = False
        """Whether the read timeout is off, because the reader has its own."""
        self._loop = asyncio.get_running_loop()
        self._due: float | None = None
        """When the wait for the next bytes times out; None if nobody waits."""
        self._watch: asyncio.TimerHandle | None = None
        pool.open.add(self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._read()
        if not isinstance(piece, bytes):
            await self.aclose()
            raise piece
        if not piece:
            raise StopAsyncIteration
        return piece

    async def _read(self) -> bytes | httpx.TransportError:
        """The next bytes (empty at the end), or the exception to raise."""
        content = self._content
        try:
            return content.read_nowait() or (b"" if content.at_eof() else await self._next())
        except TimeoutError:
            return httpx.ReadTimeout("")
        except Exception as error:  # noqa: BLE001  # aiohttp's parsers raise their own
            left = b""
            if content.exception() is error:  # bytes before the error are still in the buffer
                content.set_exception(cast("Any", None))
                left = content.read_nowait()
                content.set_exception(error)
            return left or broken(error)

    async def _next(self) -> bytes:
        """Wait for the next bytes."""
        bound = None if self.is_lifted else self._exchange.bounds.get("read")
        if bound is None:
            return await self._content.readany()
        self._due = due = self._loop.time() + bound
        if self._watch is None or self._watch.when() > due:
            self._look_at(due)
        try:
            return await self._content.readany()
        finally:
            self._due = None

    def _look_at(self, due: float) -> None:
        """Check at this time whether the server is silent. A timer for each wait would be slow."""
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._due is not None and self._loop.time() < self._due:
            self._look_at(self._due)
        elif self._due is not None:
            self._content.set_exception(TimeoutError())

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            if self._watch is not None:
                self._watch.cancel()
            self._pool.open.discard(self)
            self._pool.places.release()
            if not self._content.is_eof():
                self._answer.close()
                assert self._exchange.transport is not None
                self._exchange.transport.abort()  # a TLS close would wait for the server


class _Pool:
    """The connections of an event loop.

    Args:
        context: SSL context.
        limits: Limits for connections.
    """

    def __init__(self, context: ssl.SSLContext, limits: httpx.Limits) -> None:
        most = limits.max_connections
        self.places = asyncio.Semaphore(2**31 if most is None else most)
        self.used: WeakSet[ResponseHandler] = WeakSet()
        self.open: WeakSet[_Body] = WeakSet()
        self.closing: AsyncGenerator[None] | None = None
        expiry = limits.keepalive_expiry
        connector = _Connector(
            0 if expiry == 0 else limits.max_keepalive_connections,
            ssl=context,
            limit=0,  # the semaphore is the limit: its wait is separate from connecting
            keepalive_timeout=_NEVER if expiry is None else expiry,
            resolver=aiohttp.ThreadedResolver(),
            use_dns_cache=False,
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            request_class=Request,
            response_class=Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTOMATIC,
            auto_decompress=False,
            trust_env=False,
            max_line_size=_HEAD,
            max_field_size=_HEAD,
        )
        # aiohttp would silently repeat a GET whose kept connection is closed.
        self.session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # there is no option for it

    async def close(self) -> None:
        """Close all connections, also those in use."""
        for body in list(self.open):
            await body.aclose()
        await self.session.close()


async def _until_closed(pool: _Pool) -> AsyncGenerator[None, None]:
    """Close the pool when this generator is closed, by its event loop or by `aclose`."""
    try:
        yield
    finally:
        await pool.close()


class AioHttpTransport(httpx.AsyncBaseTransport):
    """Sends requests with aiohttp.

    Args:
        context: SSL context.
        limits: Limits for connections.
        proxy: An ``http://`` proxy for all requests.
    """

    def __init__(
        self, context: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None = None
    ) -> None:
        context.set_alpn_protocols(["http/1.1"])
        self._context = context
        self._limits = limits
        self._proxy = proxy
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol(
                f"Request URL has an unsupported protocol '{request.url.scheme}://'."
            )
        try:  # refuse the same requests as httpcore
            h11.Request(
                method=request.method, target=request.url.raw_path, headers=request.headers.raw
            )
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from None
        pool = await self._pool()
        while True:
            exchange = Exchange(request, pool.used)
            await exchange.report("connect.started")
            await self._take_place(pool, exchange)
            try:
                return await self._answer(pool, exchange)
            except StaleConnectionError:  # it is dropped; try the next connection
                pool.places.release()
            except BaseException:
                pool.places.release()
                if exchange.transport is not None:
                    exchange.transport.abort()
                raise

    async def _take_place(self, pool: _Pool, exchange: Exchange) -> None:
        try:
            async with asyncio.timeout(exchange.bounds.get("pool")):
                await pool.places.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("") from None

    async def _answer(self, pool: _Pool, exchange: Exchange) -> httpx.Response:
        answer = await self._sent(pool, exchange)
        if isinstance(answer, Exception):
            raise answer
        if answer.status < HTTPStatus.OK:  # like httpcore; aiohttp would never free the connection
            answer.close()
            raise httpx.RemoteProtocolError(f"The server answered with the status {answer.status}.")
        assert answer.version is not None
        assert exchange.transport is not None
        body = _Body(answer, exchange, pool)
        return httpx.Response(
            answer.status,
            headers=list(answer.raw_headers),
            stream=body,
            extensions={
                "http_version": b"HTTP/%d.%d" % answer.version,
                "reason_phrase": (answer.reason or "").encode("utf-8", "surrogateescape"),
                "network_stream": _NetworkStream(exchange.transport, body),
            },
        )

    async def _sent(self, pool: _Pool, exchange: Exchange) -> aiohttp.ClientResponse | Exception:
        """The answer, or the exception to raise."""
        token = EXCHANGE.set(exchange)
        try:
            async with exchange.within:
                exchange.bound("connect")
                return await pool.session.request(**self._arguments(exchange))
        except (aiohttp.ClientError, OSError) as error:
            return exchange.failure(error)
        finally:
            exchange.is_over = True
            EXCHANGE.reset(token)

    def _arguments(self, exchange: Exchange) -> dict[str, Any]:
        """The arguments of `aiohttp.ClientSession.request`."""
        request, proxy = exchange.request, self._proxy
        raw, url = list(request.headers.raw), request.url
        has_tunnel = proxy is not None and url.scheme == "https"
        proxy_headers = [] if proxy is None else list(proxy.headers.raw)
        if proxy is not None and proxy.raw_auth is not None:
            login = aiohttp.encode_basic_auth(*(part.decode() for part in proxy.raw_auth))
            proxy_headers.append((b"Proxy-Authorization", login.encode()))
        if proxy is not None and not has_tunnel:
            raw, proxy_headers = [*proxy_headers, *raw], []
        try:
            headers = [
                (name.decode("ascii"), value.decode())
                for name, value in raw
                if not (
                    exchange.is_chunked and name.lower() == b"transfer-encoding"
                )  # aiohttp adds this header
            ]
        except UnicodeDecodeError:
            raise httpx.LocalProtocolError("Illegal header value: not UTF-8") from None
        return {
            "method": request.method,
            "url": URL(_bare(url), encoded=True),
            "headers": headers,
            "data": exchange.body() if exchange.has_body else None,
            "chunked": True if exchange.is_chunked else None,
            "allow_redirects": False,
            "proxy": None if proxy is None else URL(_bare(proxy.url), encoded=True),
            "proxy_headers": [(name.decode(), value.decode()) for name, value in proxy_headers],
            "server_hostname": request.extensions.get("sni_hostname"),
            "timeout": aiohttp.ClientTimeout(total=None, sock_read=exchange.bounds.get("read")),
        }

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None or pool.session.closed:
            for ended in [each for each in self._pools if each.is_closed()]:
                del self._pools[ended]  # its connections keep a reference to it
            pool = self._pools[loop] = _Pool(self._context, self._limits)
            # An event loop that ends closes the async generators that were started in it.
            pool.closing = _until_closed(pool)
            await anext(pool.closing)
        return pool

    async def aclose(self) -> None:
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None and pool.closing is not None:
            await pool.closing.aclose()


def _bare(url: httpx.URL) -> str:
    """A URL as it is sent: encoded, without user name, password and fragment."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}"
