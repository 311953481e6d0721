"""Sending and receiving with `httpx.Client`."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event
from typing import Any, TypeVar
from weakref import WeakSet

import httpx

from ..errors import APIConnectionError, DifyError, InvalidResponseError
from .failures import (
    LIMITS,
    BodyClosedError,
    HTTPClient,
    closed,
    content_of,
    failure_of,
    header_dict,
    is_sent,
    is_wanted,
    log,
    may_be_events,
    setting_up,
    ssl_context,
    unwanted,
    without_secrets,
)
from .libraries import Progress, error_name
from .network import Exchange, hold_connections
from .request import (
    CALL_TIMEOUT,
    Call,
    bearer,
    build_request,
    cut,
)
from .retry import Attempts
from .servers import Servers
from .sync_body import (
    ByteStream,
    close_abandoned,
    close_all_of,
    leave_to_parent,
)

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


def resolved(result: T) -> T:
    """What a callback of the user's returned; an async one may return a coroutine."""
    return result


class Transport:
    """Sends calls with an `httpx.Client`.

    Args:
        http_client: A client of the user's own, which is never closed here; by default one is made
            when it is first needed.
    """

    def __init__(self, http_client: HTTPClient | None = None) -> None:
        self.servers = Servers()
        self._given = http_client
        self._made: httpx.Client | None = None
        self._holds_connections = False
        self._in_flight: set[Exchange] = set()
        self._inherited: list[httpx.Client] = []
        self._closed = False
        self._lock = threading.Lock()
        self._sleepers: set[Event] = set()
        _TRANSPORTS.add(self)

    @property
    def is_given(self) -> bool:
        """Whether it sends with an httpx client of the user's own."""
        return self._given is not None

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
        return self.carry_out(steps, self.send)

    def carry_out(self, steps: Generator[S, Any, T], do: Callable[[S], Any]) -> T:
        """Do what a conversation yields, and give it what came of each step."""
        try:
            step = next(steps)
            while True:
                try:
                    result = do(step)
                except DifyError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    def wait(self, seconds: float, woken: Event) -> None:
        """Let time pass, until woken or closed.

        Args:
            seconds: How much.
            woken: What ends it early.
        """
        with self._lock:
            if self._closed:
                return
            self._sleepers.add(woken)
        try:
            woken.wait(seconds)
        finally:
            self._sleepers.discard(woken)

    def close(self) -> None:
        """Close the connections that were made here."""
        with self._lock:
            self._closed = True
            sleepers, in_flight = list(self._sleepers), list(self._in_flight)
        for woken in sleepers:
            woken.set()
        for exchange in in_flight:
            exchange.close()
        close_abandoned()
        if self._given is None:
            close_all_of(self)
        if self._made is not None:
            self._made.close()

    def leave_to_parent(self) -> None:
        """In a process that was just forked: begin anew, without the connections of the parent."""
        if self._made is not None:
            self._inherited.append(self._made)
        self._made = None
        self._lock = threading.Lock()
        self._sleepers = set()
        self._in_flight = set()

    def _retrying(self, call: Call[T], attempt: Callable[[Call[T]], R]) -> R:
        attempts = Attempts(call)
        while True:
            try:
                attempts.begin()
                return attempt(call)
            except DifyError as error:
                error.__traceback__ = None  # its frames hold what came, in which the key may stand
                seconds = attempts.wait_after(error)
                if seconds is None:
                    raise
            time.sleep(seconds)

    def _answer(self, call: Call[T]) -> T:
        body = self._open(call)
        answer = body.whole()
        try:
            return call.operation.read(answer)
        except InvalidResponseError:
            body.sever()
            raise

    def _open(self, call: Call[Any]) -> ByteStream:
        body, response = self._sent(call)
        self.servers.note(call.base_url, body.headers)
        if is_wanted(call, response, body.headers):
            return body
        if may_be_events(call, response) and body.begins_like_events():
            return body
        raise unwanted(call, response, body.headers, body.start())

    def _sent(self, call: Call[Any]) -> tuple[ByteStream, Any]:
        """Send a call, and return the body of its answer, and its head."""
        close_abandoned()
        client = self._client(call)
        started, outer = time.perf_counter(), sys.exception()
        request = build_request(client, call)
        progress = Progress(is_reported=client is self._made)
        request.extensions["trace"] = progress.note
        is_held = self._holds_connections and client is self._made
        exchange = Exchange(call.deadline)
        if call.deadline.is_set and not is_held:
            cut(request, call.deadline, progress)
        try:
            with self._flying(call, exchange), exchange.active():
                response = client.send(
                    request, stream=True, auth=bearer(call.key), follow_redirects=False
                )
        except BaseException as error:
            if sent := is_sent(error, progress):
                call.on_sent()
            without_secrets(error, call, request, outer)
            answered: Any = getattr(error, "response", None)
            if error_name(error) == "HTTPStatusError":  # a hook of the user's client raised it
                headers = header_dict(call, answered)
                raise unwanted(call, answered, headers, content_of(answered)) from error
            failure = failure_of(error, call, request, sent=sent)
            if isinstance(failure, APIConnectionError) and exchange.is_closed:
                raise BodyClosedError(call, request_sent=sent) from None
            if failure is error:
                raise
            raise failure from error
        call.on_sent()
        log(call, response, started)
        return ByteStream(call, response, self, exchange if is_held else None), response

    @contextmanager
    def _flying(self, call: Call[Any], exchange: Exchange) -> Generator[None, None, None]:
        """Let `close` end an exchange whose answer has not begun."""
        with self._lock:
            if self._closed:
                raise closed(call)
            self._in_flight.add(exchange)
        try:
            yield
        finally:
            self._in_flight.discard(exchange)

    def _client(self, call: Call[Any]) -> Any:
        with self._lock:
            if self._closed or (self._given is not None and self._given.is_closed):
                raise closed(call)
            if self._given is not None:
                return self._given
            if self._made is None:
                with setting_up(call):
                    self._made = httpx.Client(
                        verify=ssl_context(), timeout=CALL_TIMEOUT, limits=LIMITS
                    )
                self._holds_connections = hold_connections(self._made)
            return self._made


_TRANSPORTS: WeakSet[Transport] = WeakSet()


def _leave_to_parent() -> None:
    leave_to_parent()
    for transport in list(_TRANSPORTS):
        transport.leave_to_parent()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_leave_to_parent)
