"""A Dask cluster: its executor, and a bound on runs that its workers share."""
# mypy: disable-error-code=no-untyped-call
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# distributed has no types.

from __future__ import annotations

import uuid
from collections.abc import Generator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import Lock, to_thread

from ..errors import ConfigurationError
from ._extras import needs

if TYPE_CHECKING:
    from distributed import Semaphore

CONNECT_SECONDS = 10.0
"""How long the scheduler of a cluster may take to answer."""

_PERMIT_SECONDS = 1.0
"""How long a permit is waited for before it is asked whether there is anything left to do."""


@contextmanager
def executor_at(address: str | None) -> Generator[Executor | None, None, None]:
    """The executor of a Dask cluster; None where no address is given.

    Args:
        address: Address of its scheduler, such as ``"tcp://10.0.0.1:8786"``.

    Raises:
        ConfigurationError: Nobody answers there.
        ImportError: Dask is not installed.
    """
    if address is None:
        yield None
        return
    with needs("distributed", "cluster", "A Dask cluster needs"):
        from distributed import Client
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"No Dask scheduler answers at {address}: {error}") from error
    with client:
        yield client.get_executor()


def dask_client(executor: Executor) -> Any:
    """The `distributed.Client` behind an executor; None where it is one of another kind."""
    is_dask = type(executor).__module__.partition(".")[0] == "distributed"
    return executor._client if is_dask else None  # type: ignore[attr-defined]  # noqa: SLF001  # it has no other door


class DaskPermits:
    """Permits that all workers of a Dask cluster share (`distributed.Semaphore`).

    Those of a worker that dies come back when Dask's lease timeout (30 s) has passed.

    Args:
        semaphore: What counts them.
    """

    def __init__(self, semaphore: Semaphore) -> None:
        self._semaphore = semaphore
        self._turn = Lock()

    def __reduce__(self) -> tuple[object, ...]:
        return DaskPermits, (self._semaphore,)

    @classmethod
    def of(cls, client: Any, count: int) -> DaskPermits:
        """So many permits on the cluster of a client.

        Args:
            client: A `distributed.Client`.
            count: How many there are.
        """
        from distributed import Semaphore

        name = f"dify-batch-{uuid.uuid4().hex}"
        semaphore = Semaphore(count, name, scheduler_rpc=client.scheduler, loop=client.loop)
        client.sync(semaphore.register)
        return cls(semaphore)

    async def acquire(self) -> bool:
        """Take a permit; False where none becomes free within a second."""
        ask = partial(self._semaphore.acquire, timeout=_PERMIT_SECONDS)
        async with self._turn:  # threads that wait must not keep the journal from its own
            return bool(await to_thread.run_sync(ask))

    async def release(self) -> None:
        """Give a permit back."""
        await to_thread.run_sync(self._semaphore.release)

    def close(self) -> None:
        """Forget them on the scheduler, unless a worker that died has some, which expire first."""
        if not self._semaphore.get_value():
            self._semaphore.close()
