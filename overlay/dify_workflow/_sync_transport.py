"""Sending and receiving with `httpx.Client`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

import httpx

from ._call import Attempts, Call
from ._cookies import SparingCookieJar
from ._phases import cut
from ._request import CALL_TIMEOUT, Bearer, build_request
from ._sync_body import ByteStream, close_abandoned, close_all_of, leave_to_parent
from ._transport import (
    LIMITS,
    Versions,
    closed,
    content_of,
    given_up,
    is_wanted,
    log,
    setting_up,
    ssl_context,
    translated,
    unwanted,
    without_frames,
)
from .errors import DifyError, RunDeadlineExceededError

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


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
        self._defaults: dict[str, str] | None = None
        self._inherited: list[httpx.Client] = []
        self._closed = False
        self._lock = threading.Lock()
        self._flights: dict[object, Future[Any]] = {}
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
        return self.carry_out(steps, self._share_or_send)

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
            sleepers = list(self._sleepers)
        for woken in sleepers:
            woken.set()
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
        self._flights = {}
        self._sleepers = set()

    def _share_or_send(self, call: Call[Any]) -> Any:
        return self._share(call) if call.shared else self.send(call)

    def _share(self, call: Call[T]) -> T:
        """Send a call, or wait for the same one that another thread has sent already."""
        from concurrent.futures import Future, wait  # many programs never come here

        mine: Future[T] = Future()
        while True:
            with self._lock:
                flight = self._flights.setdefault(call.identity, mine)
            if flight is mine:
                return self._lead(call, mine)
            wait([flight], call.deadline.bound())
            if not flight.done():
                raise call.deadline_passed(sent=False)
            with suppress(RunDeadlineExceededError):  # the other thread's: it had less time
                outcome: T = flight.result()
                return outcome

    def _lead(self, call: Call[T], flight: Future[T]) -> T:
        """Send a call for which other threads wait."""
        try:
            result = self.send(call)
        except BaseException as error:
            self._land(call)
            flight.set_exception(error if isinstance(error, DifyError) else given_up(call))
            raise
        self._land(call)
        flight.set_result(result)
        return result

    def _land(self, call: Call[Any]) -> None:
        with self._lock:
            self._flights.pop(call.identity, None)

    def _retrying(self, call: Call[T], attempt: Callable[[Call[T]], R]) -> R:
        attempts = Attempts(call)
        while True:
            try:
                attempts.begin()
                return attempt(call)
            except DifyError as error:
                seconds = attempts.wait_after(error)
                if seconds is None:
                    raise
            time.sleep(seconds)

    def _answer(self, call: Call[T]) -> T:
        return call.operation.read(self._open(call).whole())

    def _open(self, call: Call[Any]) -> ByteStream:
        response = self._send(call)
        body = ByteStream(call, response, self)
        self.versions.note(call, body.headers)
        if is_wanted(call, response, body.headers):
            return body
        raise unwanted(call, response, body.start())

    def _send(self, call: Call[Any]) -> httpx.Response:
        close_abandoned()
        client = self._client(call)
        started = time.perf_counter()
        request = build_request(client, call, self._defaults)
        cut(request, call.deadline)
        try:
            response = client.send(
                request,
                stream=True,
                auth=Bearer(call.key),
                follow_redirects=False,
            )
        except httpx.HTTPStatusError as error:  # a hook of the user's client raised it
            response = error.response
            raise unwanted(call, response, content_of(response)) from without_frames(error)
        except httpx.HTTPError as error:
            raise translated(error, call, request) from without_frames(error)
        log(call, response, started)
        return response

    def _client(self, call: Call[Any]) -> httpx.Client:
        with self._lock:
            if self._closed or (self._given is not None and self._given.is_closed):
                raise closed(call)
            if self._given is not None:
                return self._given
            if self._made is None:
                with setting_up(call):
                    self._made = httpx.Client(
                        verify=ssl_context(),
                        timeout=CALL_TIMEOUT,
                        limits=LIMITS,
                        cookies=SparingCookieJar(),
                    )
                self._defaults = dict(self._made.headers)
            return self._made


_TRANSPORTS: WeakSet[Transport] = WeakSet()


def _leave_to_parent() -> None:
    leave_to_parent()
    for transport in list(_TRANSPORTS):
        transport.leave_to_parent()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_leave_to_parent)
