"""The pytest plugin: an emulator for each test, and clients that are bound to it.

pytest imports this at its start in every project that has dify-workflow installed. So it stands
beside the package, whose import takes a tenth of a second, and imports it when a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dify_workflow import AsyncDifyWorkflow, DifyWorkflow
    from dify_workflow.emulator import Emulator, Workflow

_SILENCE = 5.0
"""Seconds until streams end in which nothing happens; real servers take five minutes."""


@pytest.fixture(scope="session")
def dify_workflows() -> Sequence[Workflow]:
    """The workflows that `dify_emulator` serves: override it, in any scope, to name your own."""
    return ()


@pytest.fixture(scope="session")
def dify_server_version() -> str:
    """Which Dify `dify_emulator` behaves as: override it, in any scope, to name another."""
    return "1.14"


@pytest.fixture(scope="session")
def dify_allowed_hosts() -> Sequence[str]:
    """Further names by which `dify_emulator` may be reached: override it, in any scope."""
    return ()


@pytest.fixture(scope="session")
def _dify_emulators() -> Iterator[dict[tuple[str, ...], Emulator]]:
    """The emulators that run, by version and hosts: a server serves the whole session."""
    running: dict[tuple[str, ...], Emulator] = {}
    yield running
    for emulator in running.values():
        emulator.stop()


@pytest.fixture
def dify_emulator(
    _dify_emulators: dict[tuple[str, ...], Emulator],
    dify_workflows: Sequence[Workflow],
    dify_server_version: str,
    dify_allowed_hosts: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Emulator]:
    """A Dify server on loopback that knows nothing of other tests.

    It serves `dify_workflows`, until the test has it serve others. DIFY_BASE_URL and DIFY_API_KEY
    name it and its first workflow, so that clients which the code under test makes from the
    environment reach it, and nothing else.
    """
    from dify_workflow.emulator import Emulator

    served_as = (dify_server_version, *dify_allowed_hosts)
    emulator = _dify_emulators.get(served_as)
    if emulator is None:
        emulator = Emulator(
            server_version=dify_server_version,
            allowed_hosts=dify_allowed_hosts,
            linger=0.0,
            silence=_SILENCE,
        )
        emulator.start()
        _dify_emulators[served_as] = emulator
    served, serve = emulator, emulator.serve

    def serve_and_name(*workflows: Workflow) -> None:
        serve(*workflows)
        monkeypatch.setenv("DIFY_API_KEY", served.workflows[0].key)

    monkeypatch.setenv("DIFY_BASE_URL", emulator.base_url)
    monkeypatch.setattr(emulator, "serve", serve_and_name)
    emulator.serve(*dify_workflows)
    yield emulator
    emulator.reset()


@pytest.fixture
def dify_workflow(dify_emulator: Emulator) -> Iterator[DifyWorkflow]:
    """A client for the first workflow of `dify_emulator`."""
    with dify_emulator.client() as client:
        yield client


@pytest.fixture
def async_dify_workflow(dify_emulator: Emulator) -> AsyncDifyWorkflow:
    """A client for the first workflow of `dify_emulator`, for code that awaits.

    It serves asyncio, anyio and trio alike because it is no async fixture itself. Such a fixture
    cannot close a client, which takes an event loop, and the test's is gone by then. So nothing
    is left to close: each connection ends with its answer or stream, none waits for the next call.
    """
    import httpx

    limits = httpx.Limits(max_keepalive_connections=0)
    # Without TLS there is nothing to verify, and reading the certificates takes its time.
    unkept = httpx.AsyncClient(limits=limits, verify=False)  # noqa: S501
    return dify_emulator.async_client(http_client=unkept)
