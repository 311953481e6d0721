"""Both clients behind one interface, so that one test covers sync and async.

A test is plain code that waits. In the async world its calls run on an event loop in a thread of
its own: `Waiting` wraps an async object, awaits what its methods return and iterates what is async.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

from anyio.from_thread import BlockingPortal, start_blocking_portal

from dify_workflow import AsyncDifyWorkflow, DefaultAioHttpClient, DifyWorkflow

WorldName = Literal["sync", "async"]

HTTP_CLIENT = "own"
"""What clients send with: the option ``--http-client`` of pytest."""


class Waiting:
    """An async object whose methods wait for their results."""

    def __init__(self, portal: BlockingPortal, target: Any) -> None:
        self._portal = portal
        self.target = target

    def __getattr__(self, name: str) -> Any:
        value = self._on_loop(lambda: getattr(self.target, name))
        if inspect.isasyncgen(value):
            return Waiting(self._portal, value)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._wrapped(self._on_loop(lambda: value(*args, **kwargs)))

        return call

    def __enter__(self) -> Any:
        self._on_loop(self.target.__aenter__)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._on_loop(lambda: self.target.__aexit__(*exc_info))

    def __iter__(self) -> Iterator[Any]:
        events = self._on_loop(lambda: aiter(self.target))
        try:
            while True:
                try:
                    yield self._on_loop(lambda: anext(events))
                except StopAsyncIteration:
                    return
        finally:
            if inspect.isasyncgen(events):
                self._on_loop(events.aclose)

    def __next__(self) -> Any:
        try:
            return self._on_loop(lambda: anext(self.target))
        except StopAsyncIteration:
            raise StopIteration from None

    def __repr__(self) -> str:
        return repr(self.target)

    def _on_loop(self, function: Any) -> Any:
        async def run() -> Any:
            result = function()
            return await result if inspect.isawaitable(result) else result

        return self._portal.call(run)

    def _wrapped(self, value: Any) -> Any:
        asynchronous = hasattr(value, "__aiter__") or isinstance(value, AsyncDifyWorkflow)
        return Waiting(self._portal, value) if asynchronous else value


class World:
    """Makes clients of one of the two worlds, and closes them."""

    def __init__(self, name: WorldName, stack: ExitStack) -> None:
        self.name = name
        self._stack = stack
        self._portal = stack.enter_context(start_blocking_portal()) if name == "async" else None

    def client(self, **options: Any) -> Any:
        """A client, as `DifyWorkflow` to look at; it is closed with the world."""
        options.setdefault("api_key", "app-test-key")
        is_own = HTTP_CLIENT == "own" or (HTTP_CLIENT == "aiohttp" and self._portal is None)
        if not is_own and options.get("http_client") is None:
            options["http_client"] = self.http_client(HTTP_CLIENT)
        if self._portal is None:
            return self._stack.enter_context(DifyWorkflow(**options))
        made = self._portal.call(lambda: AsyncDifyWorkflow(**options))
        return self._stack.enter_context(Waiting(self._portal, made))

    def http_client(self, library: str) -> Any:
        """A client of this library, as a user makes it; it is closed with the world."""
        if library == "aiohttp":
            assert self._portal is not None, "sync clients cannot send over aiohttp"
            return self._with_loop(DefaultAioHttpClient)
        package = importlib.import_module(library)
        limits = package.Limits(max_connections=None)
        if self._portal is None:
            return self._stack.enter_context(package.Client(limits=limits))
        return self._with_loop(lambda: package.AsyncClient(limits=limits))

    def _with_loop(self, make: Any) -> Any:
        made = self._portal.call(make)
        self._stack.callback(self._portal.call, made.aclose)
        return made

    def call(self, function: Any, *args: Any) -> Any:
        """Run a function where clients of this world live."""
        return self._portal.call(function, *args) if self._portal else function(*args)


@contextmanager
def world(name: WorldName) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(name, stack)
