"""Sending and receiving with `httpx.Client`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar
from weakref import WeakSet

import httpx

from ._transport import (
    CALL_TIMEOUT,
    LIMITS,
    UNWANTED_BYTES,
    Bearer,
    Call,
    Versions,
    build_request,
    closed,
    closed_while_reading,
    given_up,
    header_dict,
    is_encoded,
    is_wanted,
    log,
    ssl_context,
    tighten,
    translated,
    unwanted,
    wake_reader,
    whole_answer,
    without_frames,
)
from .errors import DifyError

T = TypeVar("T")
R = TypeVar("R")


class ByteStream:
    """The body of an answer, piece by piece.

    Args:
        call: The call that was answered.
        response: The answer, of which only the head was read.
    """

    def __init__(self, call: Call[Any], response: httpx.Response) -> None:
        self.headers = header_dict(response)
        self._call = call
        self._response = response
        self._is_at_end = False
        self._is_closed = False
        # An iteration that is dropped closes the connection, so those that were given up wait here.
        self._suspended: list[Iterator[bytes]] = []
        self._pieces = response.iter_bytes() if is_encoded(response) else self._plain_pieces()

    def read(self, within: float | None = None) -> bytes | None:
        """The next bytes; None at the end.

        Args:
            within: Seconds to wait for them; by default the bound of the call.

        Raises:
            APITimeoutError: Nothing came in time.
            APIConnectionError: The connection broke.
        """
        if within is not None and tighten(self._response, within):
            self._suspended.append(self._pieces)
            self._pieces = self._plain_pieces()
        try:
            piece = next(self._pieces, None)
        except httpx.HTTPError as error:
            if self._is_closed:
                raise closed_while_reading(self._call) from None
            raise translated(error, self._call, self._response.request) from without_frames(error)
        self._is_at_end = piece is None
        return piece

    def start(self) -> bytes:
        """The first bytes of a body that nobody asked for; the connection is then closed."""
        start = b""
        try:
            while len(start) < UNWANTED_BYTES and (piece := self.read()) is not None:
                start += piece
        finally:
            self.close()
        return start

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        self._is_closed = True
        if not self._is_at_end:
            wake_reader(self._response)
        self._response.close()

    def _plain_pieces(self) -> Iterator[bytes]:
        assert isinstance(self._response.stream, httpx.SyncByteStream)
        return iter(self._response.stream)


class Transport:
    """Sends calls with an `httpx.Client`.

    Args:
        http_client: A client of the user's own, which is never closed here; by default one is made
            when it is first needed.
    """

    def __init__(self, http_client: httpx.Client | None = None) -> None:
        self.versions = Versions()
        self._given = http_client
        self._made: httpx.Client | None = None
        self._closed = False
        self._bodies: WeakSet[ByteStream] = WeakSet()
        self._lock = threading.Lock()
        self._flights: dict[object, Future[Any]] = {}

    def send(self, call: Call[T]) -> T:
        """Send a call and read its answer; again, where that is safe.

        Raises:
            DifyError: What the operation's method documents.
        """
        return self._retrying(call, self._answer)

    def open(self, call: Call[Any]) -> ByteStream:
        """Send a call and leave the body of its answer unread; again, where that is safe.

        Raises:
            DifyError: What the operation's method documents.
        """
        return self._retrying(call, self._open)

    def drive(self, steps: Generator[Call[Any], Any, T]) -> T:
        """Send the calls that a conversation yields, and give it what came of each."""
        try:
            call = next(steps)
            while True:
                try:
                    result = self._share(call) if call.shared else self.send(call)
                except DifyError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(result)
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    def close(self) -> None:
        """Close the connections that were made here."""
        with self._lock:
            self._closed = True
        if self._given is None:
            for body in list(self._bodies):
                body.close()
        if self._made is not None:
            self._made.close()

    def _share(self, call: Call[T]) -> T:
        """Send a call, or wait for the same one that another thread has sent already."""
        mine: Future[T] = Future()
        with self._lock:
            flight = self._flights.setdefault(call.identity, mine)
        if flight is not mine:
            outcome: T = flight.result()
            return outcome
        try:
            result = self.send(call)
        except BaseException as error:
            mine.set_exception(error if isinstance(error, DifyError) else given_up(call))
            raise
        else:
            mine.set_result(result)
            return result
        finally:
            with self._lock:
                del self._flights[call.identity]

    def _retrying(self, call: Call[T], attempt: Callable[[Call[T]], R]) -> R:
        number = 0
        while True:
            number += 1
            try:
                return attempt(call)
            except DifyError as error:
                wait = call.wait_before_retry(error, number)
                if wait is None:
                    raise
            time.sleep(wait)

    def _answer(self, call: Call[T]) -> T:
        response = self._send(call, stream=False)
        if not is_wanted(call, response):
            raise unwanted(call, response, response.content)
        return call.operation.read(whole_answer(call, response))

    def _open(self, call: Call[Any]) -> ByteStream:
        response = self._send(call, stream=True)
        body = ByteStream(call, response)
        self._bodies.add(body)
        if is_wanted(call, response):
            return body
        raise unwanted(call, response, body.start())

    def _send(self, call: Call[Any], *, stream: bool) -> httpx.Response:
        client = self._client(call)
        started = time.perf_counter()
        request = build_request(client, call)
        try:
            response = client.send(
                request,
                stream=stream,
                auth=Bearer(call.key),
                follow_redirects=False,
            )
        except httpx.HTTPError as error:
            raise translated(error, call, request) from without_frames(error)
        self.versions.note(call, response)
        log(call, response, started)
        return response

    def _client(self, call: Call[Any]) -> httpx.Client:
        with self._lock:
            if self._closed or (self._given is not None and self._given.is_closed):
                raise closed(call)
            if self._given is not None:
                return self._given
            if self._made is None:
                self._made = httpx.Client(verify=ssl_context(), timeout=CALL_TIMEOUT, limits=LIMITS)
            return self._made
