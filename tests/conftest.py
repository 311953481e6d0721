"""Fixtures of all tests."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from hypothesis import HealthCheck, settings

from dify_workflow.emulator import Emulator, PastRun
from support import worlds
from support.bench import Bench, emulated_bench
from support.replay import ReplayServer, replay_server
from support.workflows import approval, typed
from support.worlds import World, WorldName, world

# No example is too slow: the machine may be busy.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")


# Up to 3.11.8, CPython may hang for ever if Dask's profiler reads the stacks of all threads while
# one is started (gh-106883). Dask's own tests do without the profiler, too.
os.environ["DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"] = "False"

# A shell that starts tests in the background lets them ignore Ctrl-C, which some of them press.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Tests wait far longer than they compute, and none is a race."""
    return 5 * (os.cpu_count() or 1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--http-client",
        choices=["own", "httpx", "httpx2", "aiohttp"],
        default="own",
        help="what clients send with: one of their own, or one that the test hands over",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let sync and async clients send with what was chosen."""
    worlds.HTTP_CLIENT = config.getoption("--http-client")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what holds for connections of our own alone, where tests hand over others."""
    library = config.getoption("--http-client")
    if library != "own":
        left_out = [
            item
            for item in items
            if item.get_closest_marker("own_client") or (library == "aiohttp" and _is_sync(item))
        ]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_sync(item: pytest.Item) -> bool:
    """Whether a test is about the sync client, which cannot send over aiohttp."""
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("both") == "sync"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have recorded as their summary."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "summary" and report.when == "call":
                terminalreporter.write_line(str(text))


def pytest_sessionfinish() -> None:
    """End what processes are forked from, where a test has started one."""
    if "support.forks" in sys.modules:
        sys.modules["support.forks"].end_all()


@pytest.fixture(scope="session")
def server() -> Iterator[ReplayServer]:
    """A server on a real socket that plays recordings and written answers."""
    with replay_server() as running:
        yield running


@pytest.fixture(params=["sync", "async"])
def both(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each of the two worlds in turn."""
    name: WorldName = request.param
    with world(name) as made:
        yield made


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """An emulator with the built-in workflows."""
    with Emulator(linger=0.2) as running:
        yield running


@pytest.fixture(scope="session")
def forms() -> Iterator[Emulator]:
    """An emulator with workflows that take inputs of every kind, and that wait for people."""
    with Emulator(typed, approval, linger=0.2) as running:
        yield running


@pytest.fixture(scope="session")
def bench_of() -> Iterator[Callable[[str], Bench]]:
    """Gives an emulator of a version, with the recorded apps."""
    with ExitStack() as running:
        yield cache(lambda version: running.enter_context(emulated_bench(version)))


@pytest.fixture
def bench(request: pytest.FixtureRequest, bench_of: Callable[[str], Bench]) -> Iterator[Bench]:
    """An emulator of the version that is its parameter, with the recorded apps, and no runs."""
    found = bench_of(request.param)
    yield found
    found.tidy_up()


@pytest.fixture(scope="session")
def long_log() -> Iterator[Emulator]:
    """An emulator whose log has 250 runs, three in each second."""
    with Emulator() as running:
        running.add_runs((PastRun(1_795_000_000 + number // 3) for number in range(250)), "echo")
        yield running


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests must not depend on the environment that they run in."""
    for name in ("DIFY_API_KEY", "DIFY_BASE_URL", "DIFY_USER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def unreachable() -> Iterator[str]:
    """An address to which connecting takes for ever: its queue of connections is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].settimeout(0)
            waiting[-1].connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        for each in waiting:
            each.close()
