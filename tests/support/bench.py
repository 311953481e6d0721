"""A server under test, called with bare HTTP: the emulator, or a real one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from dify_workflow.emulator import Emulator, Workflow
from support.apps import recorded_apps
from support.apps.steps import Pace
from support.likeness import PING, Answer

JSONObject = dict[str, Any]
Midway = Callable[["Live"], None]
"""Called with a stream that is being read, before each piece of it."""

Leaves = Callable[["Live"], bool]
"""Called likewise; whether the stream is left there."""

_SECOND = 1 / 40
"""How long a second of the recordings is against the emulator, in seconds."""

_SILENCE = 3.0
"""How long the emulator's silence is, in seconds, in place of Dify's five minutes."""

_HELD = 2.5
"""How long a node takes while something is done to a run that goes on, in seconds."""

_PATIENCE = 330.0
"""Seconds without a byte after which a test gives up; a real server's silence takes 300."""


@dataclass(frozen=True)
class Call:
    """A request, ready to be sent.

    Args:
        app: Name of the app that is asked; None for no app, and headers as they are.
        method: HTTP method.
        target: Path and query.
        headers: Headers, without those that say where it goes.
        body: The body.
    """

    app: str | None
    method: str
    target: str
    headers: Iterable[tuple[str, str]] = ()
    body: bytes = b""


class Live:
    """A stream that is being read.

    Args:
        response: The answer.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._raw = response.iter_raw()
        self.pieces: list[bytes] = []
        self.is_whole = False
        self.broke: httpx.TransportError | None = None

    @property
    def messages(self) -> list[bytes]:
        return [each for each in b"".join(self.pieces).split(b"\n\n") if each]

    @property
    def events(self) -> list[JSONObject]:
        lines = [each[6:] for each in self.messages if each.startswith(b"data: ")]
        return [json.loads(line) for line in lines]

    @property
    def run_id(self) -> str:
        return str(self.events[0]["workflow_run_id"])

    @property
    def task_id(self) -> str:
        return str(self.events[0]["task_id"])

    @property
    def form_token(self) -> str:
        """Token of the form that was asked for last."""
        asked = [each for each in self.events if each["event"] == "human_input_required"]
        return str(asked[-1]["data"]["form_token"])

    def read(self, until: Callable[[Live], bool] = lambda _: False) -> Self:
        """Read to the end, or until something is so."""
        while not until(self):
            try:
                piece = next(self._raw)
            except StopIteration:
                self.is_whole = True
                break
            except (httpx.RemoteProtocolError, httpx.ReadError) as error:
                self.broke = error
                break
            self.pieces.append(piece)
        return self

    @property
    def names(self) -> list[str]:
        """What has come: names of events, and ``ping``."""
        parsed = [json.loads(each[6:]) if each != PING else {} for each in self.messages]
        return [event.get("event", "ping") for event in parsed]

    def close(self) -> None:
        self._response.close()


class Bench:
    """A server under test, and what is done to it before a recorded request is sent.

    Args:
        base_url: Its base URL.
        keys: Key by name of the app.
        emulator: The emulator that it is; None for a real server.
        pace: How fast the emulator's apps go.
    """

    def __init__(
        self,
        base_url: str,
        keys: Mapping[str, str],
        emulator: Emulator | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.pace = pace or Pace(1.0)
        self._origin = base_url.removesuffix("/").removesuffix("/v1")
        self._keys = keys
        self._emulator = emulator
        self._client = httpx.Client(timeout=_PATIENCE)
        self._left_open = ExitStack()
        self._meanwhile: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left_open.close()
        self._client.close()

    def tidy_up(self) -> None:
        """Leave what is open, and forget what was done."""
        self._left_open.close()
        self.pace.second = self.pace.usual
        if self._emulator is not None:
            self._emulator.reset()
        for run in self._meanwhile:  # the next test is not to find its slot taken
            run.join()
        self._meanwhile.clear()

    def version(self) -> str:
        """The version that the server says it has."""
        call = Call(None, "GET", "/v1/no-such-path")
        return self.answer(call).headers.get("x-version", "")

    @property
    def is_real(self) -> bool:
        return self._emulator is None

    @property
    def emulator(self) -> Emulator:
        """The emulator; a test that needs it is skipped against a real server."""
        if self._emulator is None:
            pytest.skip("only the emulator can be prepared so")
        return self._emulator

    def key(self, app: str) -> str:
        """The key of an app; a test that needs one that is not there is skipped."""
        if app not in self._keys:
            pytest.skip(f"needs DIFY_KEY_{app.upper()}, the key of an app {app!r}")
        return self._keys[app]

    def app(self, name: str) -> Workflow:
        """An app of the emulator."""
        return next(each for each in self.emulator.workflows if each.name == name)

    def hold(self, inputs: JSONObject, seconds: float = _HELD) -> None:
        """Let the apps go slowly, so that a run still goes on when it is looked at.

        Args:
            inputs: Inputs of the run.
            seconds: How long each node that waits takes.
        """
        self.pace.second = seconds / float(inputs.get("secs", 1))

    # ------------------------------------------------------------------------------ speaking

    def open(self, call: Call) -> httpx.Response:
        """Send a request; the body of the answer has not been read."""
        headers = [(name, value) for name, value in call.headers]
        if call.app is not None:
            headers.append(("Authorization", f"Bearer {self.key(call.app)}"))
        url = httpx.URL(self._origin + call.target.partition("?")[0])
        request = httpx.Request(call.method, url, headers=headers, content=call.body)
        request.extensions = {
            **request.extensions,
            "target": call.target.encode(),
            "timeout": httpx.Timeout(_PATIENCE).as_dict(),
        }
        return self._client.send(request, stream=True)

    def answer(
        self, call: Call, *, leaves: Leaves | None = None, midway: Midway | None = None
    ) -> Answer:
        """Send a request and read the answer.

        Args:
            call: The request.
            leaves: When to leave a stream; None to read it to the end.
            midway: What is done while a stream is read.
        """
        response = self.open(call)
        live = Live(response)

        def until(live: Live) -> bool:
            if midway is not None:
                midway(live)
            return leaves is not None and leaves(live)

        try:
            live.read(until)
        finally:
            live.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, live.pieces, live.is_whole)

    def post(self, app: str, path: str, body: JSONObject) -> JSONObject:
        """Send JSON; the body of the answer."""
        headers = [("Content-Type", "application/json")]
        call = Call(app, "POST", f"/v1{path}", headers, json.dumps(body).encode())
        answer = self.answer(call)
        assert answer.status < 300, answer.body
        found: JSONObject = json.loads(answer.body)
        return found

    def get(self, app: str, path: str) -> JSONObject:
        """The body of an answer."""
        found: JSONObject = json.loads(self.answer(Call(app, "GET", f"/v1{path}")).body)
        return found

    # ---------------------------------------------------------------------------------- runs

    def start(self, app: str, inputs: JSONObject, user: str) -> Live:
        """Start a run in streaming mode; the stream stays open until the test ends."""
        body = {"inputs": inputs, "user": user, "response_mode": "streaming"}
        headers = [("Content-Type", "application/json")]
        call = Call(app, "POST", "/v1/workflows/run", headers, json.dumps(body).encode())
        live = Live(self.open(call))
        self._left_open.callback(live.close)
        return live

    def run(self, app: str, inputs: JSONObject, user: str) -> str:
        """Run to the end in blocking mode; the run's id."""
        body = {"inputs": inputs, "user": user, "response_mode": "blocking"}
        return str(self.post(app, "/workflows/run", body)["workflow_run_id"])

    def workflow_id(self, app: str, inputs: JSONObject) -> str:
        """Id of the version that an app runs."""
        body = {"inputs": inputs, "user": "u1"}
        return str(self.post(app, "/workflows/run", body)["data"]["workflow_id"])

    def run_meanwhile(self, app: str, inputs: JSONObject, user: str) -> None:
        """Run in blocking mode, while the test goes on."""

        def run() -> None:
            with suppress(httpx.TransportError):  # the test ended before it
                self.run(app, inputs, user)

        self._meanwhile.append(threading.Thread(target=run, daemon=True))
        self._meanwhile[-1].start()

    def wait_longer_than(self, seconds: float, app: str) -> None:
        """Wait until what takes so many recorded seconds in an app must have ended."""
        other = "slowsteps" if app == "slow" else "slow"  # so that the app's logs stay as they are
        self.run(other, {"secs": str(1.5 * seconds)}, "somebody-who-waits")

    def logged_run(self, app: str, user: str) -> str:
        """Id of the newest run of a user, as soon as it is in the logs."""
        path = f"/workflows/logs?limit=1&created_by_end_user_session_id={user}"
        while True:
            rows = self.get(app, path)["data"]
            if rows:
                return str(rows[0]["workflow_run"]["id"])

    def listen(self, app: str, run_id: str, user: str) -> Live:
        """Resume the stream of a run, until the listening has begun."""
        live = Live(self.open(Call(app, "GET", f"/v1/workflow/{run_id}/events?user={user}")))
        self._left_open.callback(live.close)
        return live.read(lambda live: bool(live.messages))

    def stop(self, app: str, task_id: str, user: str) -> None:
        self.post(app, f"/workflows/tasks/{task_id}/stop", {"user": user})


@contextmanager
def bench_with(*workflows: Workflow, **options: Any) -> Iterator[Bench]:
    """An emulator that is spoken to with bare HTTP.

    Args:
        workflows: Its workflows.
        options: Its options.
    """
    emulator = Emulator(*workflows, **{"linger": 0.0, **options})
    keys = {app.name: app.key for app in emulator.workflows}
    with emulator, Bench(emulator.base_url, keys, emulator) as bench:
        yield bench


@contextmanager
def emulated_bench(version: str) -> Iterator[Bench]:
    """An emulator with the recorded apps.

    Args:
        version: Its version, of which the first two numbers count.
    """
    version = version.rpartition(".")[0]
    pace = Pace(_SECOND)
    emulator = Emulator(
        *recorded_apps(version, pace),
        server_version=version,
        ping_interval=10 * _SECOND,
        linger=_SECOND,
        silence=_SILENCE,
        resume_delay=_SECOND / 10,
    )
    keys = {app.name: app.key for app in emulator.workflows}
    with emulator, Bench(emulator.base_url, keys, emulator, pace) as bench:
        yield bench


def real_bench(environment: Mapping[str, str]) -> Bench | None:
    """The server that the environment names; None where it names none.

    Args:
        environment: Has DIFY_BASE_URL, and DIFY_KEY_<APP> for each app that is there.
    """
    keys = {
        name.removeprefix("DIFY_KEY_").lower(): key
        for name, key in environment.items()
        if name.startswith("DIFY_KEY_") and key
    }
    base_url = environment.get("DIFY_BASE_URL")
    return Bench(base_url, keys) if base_url and keys else None
