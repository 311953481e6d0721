"""Runs one contestant once, in this process, with the Python of the contestant's environment.

It needs only the standard library, and imports little of it before the measurement.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

_NOT_INSTALLED = ("httpx._main", "trio", "h2")
"""What httpx and httpcore import where it is installed: the command line of httpx (click and rich),
trio and HTTP/2. The tests need it, and most users do not have it."""


def main(order: dict[str, Any]) -> dict[str, float]:
    """Carry out an order, and return the result.

    Args:
        order: Path of the ``contestant``, the ``base_url``, the ``method`` and its ``scene``, the
            scene to ``warm_up`` with, and the number of calls as ``repeat``. The methods
            ``"import"`` and ``"open"`` measure the contestant's import and constructor.
    """
    if order["method"] == "import":
        for name in _NOT_INSTALLED:
            sys.modules[name] = None  # type: ignore[assignment]  # marks a module as missing
    began = time.perf_counter()
    module = _load(order["contestant"])
    imported = time.perf_counter()
    if order["method"] == "import":
        return {"seconds": imported - began}
    if order["method"] == "open":
        began = time.perf_counter()
        module.Contestant(order["base_url"])
        return {"seconds": time.perf_counter() - began}
    if _is_async(getattr(module.Contestant, order["method"])):
        from asyncio import run  # noqa: PLC0415  # measured if the contestant imports it

        return run(_async_laps(module, order))
    return _laps(module, order)


def _laps(module: ModuleType, order: dict[str, Any]) -> dict[str, float]:
    method = getattr(module.Contestant(order["base_url"]), order["method"])
    method(order["warm_up"])
    memory, cpu = peak_memory(), time.process_time()
    seconds: list[float] = []
    count = 0.0
    for _ in range(order["repeat"]):
        began = time.perf_counter()
        count = method(order["scene"])
        seconds.append(count if isinstance(count, float) else time.perf_counter() - began)
    return _costs(seconds, count, memory, cpu)


async def _async_laps(module: ModuleType, order: dict[str, Any]) -> dict[str, float]:
    method = getattr(module.Contestant(order["base_url"]), order["method"])
    await method(order["warm_up"])
    memory, cpu = peak_memory(), time.process_time()
    seconds: list[float] = []
    count = 0.0
    for _ in range(order["repeat"]):
        began = time.perf_counter()
        count = await method(order["scene"])
        seconds.append(count if isinstance(count, float) else time.perf_counter() - began)
    return _costs(seconds, count, memory, cpu)


def _costs(seconds: list[float], count: float, memory: int, cpu: float) -> dict[str, float]:
    cpu = (time.process_time() - cpu) / len(seconds)
    median = sorted(seconds)[len(seconds) // 2]
    return {"seconds": median, "cpu": cpu, "count": count, "memory": peak_memory() - memory}


def peak_memory() -> int:
    """Return the peak of this process's resident memory, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, getrusage may return the parent's
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    from resource import RUSAGE_SELF, getrusage  # noqa: PLC0415  # not on Windows

    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _load(path: str) -> ModuleType:
    spec = util.spec_from_file_location("contestant", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _is_async(method: Any) -> bool:
    return bool(method.__code__.co_flags & 0x80)  # like inspect.iscoroutinefunction


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
