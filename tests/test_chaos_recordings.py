"""Each recorded stream, broken: what came is told once and in order, and the outcome is true.

The streams are those of real servers, byte for byte; what they answered afterwards (`/events` of a
run that has ended, or its detail) is made of the recorded end.
"""

from __future__ import annotations

import json
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from dify_workflow import DifyError, RunLostError, RunOutcomeUnknownError, StreamGap
from dify_workflow.outcomes import status_of
from support.pace import hurried
from support.recordings import REPRESENTATIVE, Recording, all_recordings
from support.replay import Exchange, ReplayServer
from support.worlds import World, world

OFFSETS = 10
"""Seeded places within the bytes of each stream, besides the end of each of its messages."""

PARTS = 5
"""Tests of one version, which run at the same time."""

BEFORE_THE_RECORD_WAS_SAFE = ("1.0.1", "1.7.2")
WITH_EVENTS = ("1.14.2", "1.16.1")
FINAL = ("workflow_finished", "workflow_paused")


class Break(NamedTuple):
    """Where a recorded stream is broken, and how."""

    played: Recording
    after: int
    """Bytes that are sent before."""
    resets: bool


class Broken:
    """Plays a stream up to its break, and what its server would have answered then."""

    def __init__(self, what: Break) -> None:
        self.what = what
        self.posts = 0
        self.end = what.played.events[-1]

    def __call__(self, exchange: Exchange) -> None:
        request, version = exchange.request, self.what.played.version
        if request.method == "POST":
            self.posts += 1
            exchange.head(
                content_type="text/event-stream", transfer_encoding="chunked", x_version=version
            )
            exchange.chunk(self.what.played.body[: self.what.after])
            if self.what.resets:
                hold_nothing_back = struct.pack("ii", 1, 0)
                exchange.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, hold_nothing_back
                )
        elif request.target.split("?")[0].endswith("/events") and version in WITH_EVENTS:
            exchange.start_stream()
            of_no_task = {**self.end, "task_id": self.end["workflow_run_id"]}
            exchange.chunk(b"data: " + json.dumps(of_no_task).encode() + b"\n\n")
            exchange.end_stream()
        elif "/workflows/run/" in request.target:
            detail = {**self.end["data"], "id": self.end["workflow_run_id"]}
            if version in BEFORE_THE_RECORD_WAS_SAFE:
                detail |= {"status": "running", "outputs": None}
            exchange.whole(json.dumps(detail).encode(), x_version=version)
        elif "/workflows/logs" in request.target:
            exchange.whole(b'{"page":1,"limit":100,"total":0,"has_more":false,"data":[]}')
        else:
            exchange.whole(b"not here", 404, "Not Found", content_type="text/html")


def streams() -> list[Recording]:
    """The recorded streams of runs that were sent and came to their end."""
    return [
        each
        for each in all_recordings()
        if each.is_stream
        and each.method == "POST"
        and each.target.endswith("/run")
        and not each.is_cut
        and b"event: error" not in each.body
        and each.events
        and each.events[-1].get("event") == "workflow_finished"
        and all(event["event"] not in ("error", *FINAL) for event in each.events[:-1])
        and "id" in each.events[-1]["data"]
    ]


def breaks(played: Recording) -> Iterator[Break]:
    """At each message, and somewhere in between; never behind the last one."""
    seeded, at = random.Random(played.id), 0
    for message in played.messages[:-1]:
        at += len(message) + 2
        yield Break(played, at, resets=False)
    for _ in range(OFFSETS):
        # A reset may swallow what was sent before it; the count of events then is no fixed one.
        yield Break(played, seeded.randrange(at + 1), resets=seeded.random() < 0.2)


def told_before(what: Break) -> list[dict[str, Any]]:
    """The events that were sent whole."""
    sent = what.played.body[: what.after].split(b"\n\n")[:-1]
    return [json.loads(each[6:]) for each in sent if each.startswith(b"data: ")]


def check(what: Break, client_of: Callable[[str], Any], server: ReplayServer) -> str:
    """Run, and hold what must be true; says what came of it."""
    broken = Broken(what)
    client = client_of(server.handle(broken))
    told: list[Any] = []
    result: Any = None
    failure: DifyError | None = None
    try:
        with client.run_workflow_stream({}) as stream:
            told.extend(stream)
            result = stream.result()
    except DifyError as error:
        failure = error
    assert broken.posts == 1
    sent = told_before(what)
    before = [each.raw for each in told if not isinstance(each, StreamGap) and not each.synthetic]
    if result is not None and not told[-1].synthetic:
        before.pop()  # the end, as /events told it
    assert before == (sent[: len(before)] if what.resets else sent)
    if isinstance(failure, RunOutcomeUnknownError):
        assert before == []
    elif what.played.version in BEFORE_THE_RECORD_WAS_SAFE:
        assert isinstance(failure, RunLostError), failure
        assert failure.run_id == broken.end["workflow_run_id"]
    else:
        assert failure is None, failure
        assert [type(each) for each in told].count(StreamGap) == 1
        assert type(told[-2]) is StreamGap
        data = broken.end["data"]
        status = status_of(data["status"], data["error"])
        assert (result.status, result.outputs) == (status, data["outputs"] or {})
        assert (result.id, result.message) == (data["id"], data["error"] or None)
        assert result.task_id in (broken.end["task_id"], None)
    return type(failure).__name__ if failure else "outcome"


@pytest.mark.parametrize(
    ("version", "part", "parts"),
    [
        (REPRESENTATIVE, 0, 10),
        *(
            pytest.param(version, part, PARTS, marks=pytest.mark.slow)
            for version in sorted({each.version for each in streams()})
            for part in range(PARTS)
        ),
    ],
)
def test_each_recorded_stream_may_break_anywhere(
    version: str,
    part: int,
    parts: int,
    server: ReplayServer,
    record_property: Callable[[str, object], None],
) -> None:
    recorded = [each for each in streams() if each.version == version]
    cases = [each for played in recorded for each in breaks(played)][part::parts]
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    with ExitStack() as stack:
        worlds = [stack.enter_context(world(name)) for name in ("sync", "async")]

        def client_in(made: World) -> Callable[[str], Any]:
            own = made.client(check_inputs=False, base_url=server.origin)
            return lambda url: hurried(own.with_options(base_url=url))

        def work(number: int) -> None:
            client_of = client_in(worlds[number % 2])
            for what in cases[number::4]:
                try:
                    outcomes[check(what, client_of, server)] += 1
                except AssertionError as error:
                    failures.append(f"{what}: {error}")

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work, number) for number in range(4)]:
                done.result()
    assert not failures, f"{len(failures)} of {len(cases)}, the first: {failures[0]}"
    assert outcomes.total() == len(cases)
    came = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    record_property(
        "summary", f"{version}: {len(cases)} breaks of {len(recorded)} recorded streams: {came}"
    )
