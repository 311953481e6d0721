"""Logs that are filled with runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dify_workflow.emulator import Emulator, PastRun
from support.logs import BASE
from support.worlds import World

MOMENT = datetime.fromtimestamp(BASE, UTC)
KEY = "app-echo"


def client_of(both: World, emulator: Emulator, **options: Any) -> Any:
    return both.client(base_url=emulator.base_url, api_key=KEY, **options)


def fill(emulator: Emulator, *seconds: int, **fields: Any) -> list[tuple[int, str]]:
    """Put a row into each of the seconds after `BASE`; their places, in order."""
    runs = [PastRun(BASE + second, **fields) for second in seconds]
    emulator.add_runs(runs, "echo")
    return sorted(((int(run.created_at), run.log_id) for run in runs), reverse=True)


def calls(emulator: Emulator) -> int:
    return len([seen for seen in emulator.requests if "/workflows/logs" in seen.path])
