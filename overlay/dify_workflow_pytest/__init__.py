"""The pytest plugin: an emulator for each test, and clients that are connected to it.

pytest imports this module at its start, in every project that has dify-workflow installed. The
module is outside the package, because importing the package takes a tenth of a second. It imports
the package when a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dify_workflow import AsyncDifyWorkflow, DifyWorkflow
    from dify_workflow.emulator import Emulator, Workflow

_SILENCE = 5.0
"""Seconds without an event until a stream ends; five minutes on real servers."""


@pytest.fixture(scope="session")
def dify_workflows() -> Sequence[Workflow]:
    """The workflows that `dify_emulator` serves. Override this fixture, in any scope.

    Returns:
        The workflows; none for the built-in ones.

    Example::

        @pytest.fixture
        def dify_workflows():
            return [greet]
    """
    return ()


@pytest.fixture(scope="session")
def dify_server_version() -> str:
    """The version of Dify that `dify_emulator` emulates. Override this fixture, in any scope.

    Returns:
        The version.

    Example::

        @pytest.fixture
        def dify_server_version():
            return "1.16"
    """
    return "1.14"


@pytest.fixture(scope="session")
def dify_allowed_hosts() -> Sequence[str]:
    """Further host names of `dify_emulator`. Override this fixture, in any scope.

    Returns:
        The names; ``*`` for any.

    Example::

        @pytest.fixture(scope="session")
        def dify_allowed_hosts():
            return ["dify.test"]
    """
    return ()


@pytest.fixture(scope="session")
def _dify_emulators() -> Iterator[dict[tuple[str, ...], Emulator]]:
    """The running emulators, by version and hosts. Each runs for the whole session."""
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
    """A Dify server on loopback, without data of other tests.

    It serves `dify_workflows`, or what the test gives to `Emulator.serve`. During the test,
    DIFY_BASE_URL and DIFY_API_KEY are set to it and to its first workflow. Clients that the tested
    code makes from the environment reach this server only.

    Yields:
        The server, which is already started.

    Example::

        def test_greeting(dify_emulator, dify_workflow):
            dify_workflow.run_workflow({"name": "Ann"})
            assert dify_emulator.requests[-1].json["inputs"] == {"name": "Ann"}
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
    """A client for the first workflow of `dify_emulator`.

    Yields:
        The client.

    Example::

        def test_greeting(dify_workflow):
            run = dify_workflow.run_workflow({"name": "Ann"})
            assert run.status == "succeeded"
    """
    with dify_emulator.client() as client:
        yield client


@pytest.fixture
def async_dify_workflow(dify_emulator: Emulator) -> AsyncDifyWorkflow:
    """A client for the first workflow of `dify_emulator`, for async code.

    It works with asyncio, anyio and trio because the fixture itself is not async. Closing a client
    takes an event loop, and the loop of the test has ended when a fixture is cleaned up. So each
    connection closes after its answer or stream, and the client need not be closed.

    Returns:
        The client.

    Example::

        @pytest.mark.anyio
        async def test_greeting(async_dify_workflow):
            run = await async_dify_workflow.run_workflow({"name": "Ann"})
            assert run.status == "succeeded"
    """
    import httpx

    limits = httpx.Limits(max_keepalive_connections=0)
    # There is no TLS here, and reading the certificates takes time.
    unkept = httpx.AsyncClient(limits=limits, verify=False)  # noqa: S501
    return dify_emulator.async_client(http_client=unkept)
