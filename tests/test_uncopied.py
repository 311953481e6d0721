"""Objects with connections or a position are not copied or pickled; results are."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dify_workflow.batch import run_batch
from dify_workflow.emulator import Emulator

WAYS: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, pickle.dumps]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def ignored(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Exceptions of finalizers, which Python prints and ignores."""
    found: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", found.append)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_what_has_connections_or_a_position_says_what_to_do_instead_of_a_copy(
    way: Callable[[Any], Any], emulator: Emulator, ignored: list[Any]
) -> None:
    def refused(value: object, instead: str) -> None:
        with pytest.raises(TypeError, match=f"cannot be copied or pickled; .*{instead}"):
            way(value)
        gc.collect()

    async def tasks() -> None:
        async with emulator.async_client("echo") as client:
            refused(client, r"with_options\(\)")
            refused(client.iter_logs(), "cursor")
            refused(client.tail_logs(), "last_id")
            async with client.run_workflow_stream({"name": "Ann"}) as stream:
                refused(stream, "run_id")
                assert (await stream.result()).status == "succeeded"

    refused(emulator, "base_url")
    with emulator.client("echo") as client:
        refused(client, r"with_options\(\)")
        refused(client.iter_logs(), "cursor")
        refused(client.tail_logs(), "last_id")
        emulator.faults.answer(200, "speech", content_type="audio/mpeg")
        with client.text_to_audio("Hello") as media:
            refused(media, r"read\(\)")
        with client.run_workflow_stream({"name": "Ann"}) as stream:
            next(stream)
            refused(stream, "run_id")
            assert stream.result().status == "succeeded"  # its connection was left open
    asyncio.run(tasks())
    assert ignored == []


@pytest.mark.parametrize("way", [*WAYS[:2], lambda value: pickle.loads(pickle.dumps(value))])
def test_results_are_copied_and_pickled(
    way: Callable[[Any], Any], emulator: Emulator, tmp_path: Path
) -> None:
    with emulator.client("echo") as client:
        run = client.run_workflow({"name": "Ann"})
        assert way(run) == run
        page = client.logs(limit=1)
        assert way(page).data == page.data
        summary = run_batch(client, [{"name": "Bob"}], journal=tmp_path / "journal")
        assert way(summary) == summary
        assert [row["status"] for row in way(summary).results()] == ["succeeded"]
