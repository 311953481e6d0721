"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from dify_workflow.emulator import Emulator, PastRun
from support.bench import Bench, emulated_bench
from support.replay import ReplayServer, replay_server
from support.workflows import approval, typed
from support.worlds import World, WorldName, world


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have recorded as their summary."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "summary" and report.when == "call":
                terminalreporter.write_line(str(text))


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
