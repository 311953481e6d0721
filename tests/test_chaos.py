"""Whatever breaks, and wherever: a run is sent once, and its outcome found or precisely unknown.

Every stream is broken at each of its events and at seeded places within them, on a real socket. How
often, and what came of it, stands at the end of pytest's output.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, get_args

import attrs
import httpx
import pytest

from dify_workflow import (
    DifyError,
    NodeFinished,
    NodeStarted,
    RunLostError,
    RunOutcomeUnknownError,
    ServerError,
    StreamGap,
    WorkflowRunRequest,
    WorkflowStarted,
)
from dify_workflow.emulator import Answer, Emulator, Fault, Sleep, llm, node, parallel, workflow
from dify_workflow.emulator.demos import DEMOS
from dify_workflow.emulator.fault import Ending
from support.pace import FAST, hurried
from support.worlds import world

VERSIONS = ("1.0", "1.7", "1.9", "1.13", "1.14", "1.16")
WITH_EVENTS = ("1.14", "1.16")
LOSING = ("1.0", "1.7")
"""Up to 1.9.1 a run whose stream breaks has no outcome any more."""

RUN, EVENTS, DETAIL = "POST /workflows/run", "GET /workflow/", "GET /workflows/run/"
PARTS = 5
"""Tests of one version, which run at the same time."""

ARENAS = 4
OFFSETS = 200
IDLE = 15.0
"""Seconds of silence that a client bears here; a stalled stream costs as many.

A busy machine may let a run rest for some seconds, which is no silence of the server.
"""

PACE = attrs.evolve(FAST, quiet=1.5, longest_backoff=0.25)
"""A busy machine may send the last events of a run long after its record says that it has ended.

Outages that do not end are met with as few requests as an outage of a minute is by default.
"""

LOST = 15.0
"""Seconds without a sign of life after which a run is given up here, for the same reason."""


@workflow()
def talk(_inputs: dict[str, Any]) -> Any:
    """Says a few things, and takes long enough to be found while it goes on."""
    yield from node("look", outputs={"found": 3})
    yield from parallel(llm("one", ["a", "b", "☃"]), node("two"))
    yield Sleep(0.03)
    text = yield from llm("tell", ["It ", "was ", "so."])
    yield Sleep(0.01)
    yield from node("end", outputs={"text": text})
    return {"text": text}


BROKEN = {
    "talk": {},
    "batch": {"words": "one two"},
    "branches": {"seconds": 0.02},
    "flaky": {"retries": 1},
    "failing": {},
    "approval": {"topic": "boxes"},
}
"""Inputs of each workflow whose stream is broken."""


@dataclass(frozen=True)
class Break:
    """What is broken in one run.

    Args:
        kind: What to call it in the table.
        name: Name of the workflow.
        faults: What goes wrong, and with how many requests each.
    """

    kind: str
    name: str
    faults: tuple[tuple[Fault, int | None], ...]
    is_known: bool = True
    """Whether the run's id comes before the break; a reset may swallow what was sent before it."""
    dies: bool = False


@dataclass
class Truth:
    """How a workflow runs when nothing breaks."""

    status: str
    outputs: dict[str, Any]
    nodes: Counter[tuple[str, str]]
    texts: list[str]
    events: int
    size: int
    head: int
    """Bytes with the first event among them."""


@dataclass
class Told:
    """What a caller got of a run."""

    events: list[Any] = field(default_factory=list)
    result: Any = None
    error: DifyError | None = None
    faults: int = 0


class Arena:
    """An emulator, and a client of one of the two worlds, in which one run at a time is broken."""

    def __init__(self, version: str, number: int, stack: ExitStack) -> None:
        self.version = version
        demos = [demo for demo in DEMOS if demo.name in BROKEN]
        self.emulator = stack.enter_context(
            Emulator(
                talk, *demos, server_version=version, linger=0.02, ping_interval=0.05, silence=60.0
            )
        )
        made = stack.enter_context(world("async" if number % 2 else "sync"))
        self._client = made.client(
            base_url=self.emulator.base_url,
            timeout=httpx.Timeout(IDLE),
            lost_run_timeout=LOST,
            check_inputs=False,
        )
        hurried(self._client, PACE)
        self._runs = 0

    def run(self, name: str) -> Told:
        """Run a workflow for a user of its own, and note what came of it."""
        self._runs += 1
        user = f"user-{self.version}-{self._runs}"
        request = WorkflowRunRequest(BROKEN[name], user_id=user, api_key=f"app-{name}")
        told = Told()
        try:
            with self._client.run_workflow_stream(request) as stream:
                told.events.extend(stream)
                told.result = stream.result()
        except DifyError as error:
            told.error = error
        return told

    def truth(self, name: str) -> Truth:
        """Run a workflow when nothing breaks."""
        told = self.run(name)
        assert told.error is None
        body = {"inputs": BROKEN[name], "user": "raw", "response_mode": "streaming"}
        headers = {"Authorization": f"Bearer app-{name}"}
        url = f"{self.emulator.base_url}/workflows/run"
        raw = httpx.post(url, json=body, headers=headers).content
        return Truth(
            told.result.status,
            told.result.outputs,
            nodes_of(told.events),
            texts_of(told.events),
            len(told.events),
            len(raw),
            raw.index(b"\n\n", raw.index(b"data: ")) + 64,  # names and numbers vary in length
        )

    def broken(self, what: Break, truth: Truth) -> Told:
        """Break a run, and hold what must be true whatever is broken."""
        self.emulator.faults.clear()
        for fault, times in what.faults:
            self.emulator.faults.add(fault, times=times)
        before, met = len(self.emulator.requests), self.emulator.faults.met
        told = self.run(what.name)
        told.faults = self.emulator.faults.met - met
        requests = self.emulator.requests[before:]
        self.emulator.faults.clear()
        posts = [each for each in requests if each.method == "POST"]
        assert [each.path for each in posts] == ["/workflows/run"], what
        check_order(told, what)
        check_outcome(told, what, truth, self.version)
        return told


def nodes_of(events: list[Any]) -> Counter[tuple[str, str]]:
    """How often each node started and finished."""
    nodes = [each for each in events if isinstance(each, NodeStarted | NodeFinished)]
    return Counter((each.event, each.raw["data"]["node_id"]) for each in nodes)


def texts_of(events: list[Any]) -> list[str]:
    return [each.data.text for each in events if each.event == "text_chunk"]


def check_order(told: Told, what: Break) -> None:
    """No event twice, none out of order."""
    events = told.events
    seen: set[tuple[str, str]] = set()
    for event in events:
        if isinstance(event, NodeStarted | NodeFinished):
            node_id = event.raw["data"]["id"]
            assert (event.event, node_id) not in seen, (what, event)
            assert ("node_finished", node_id) not in seen, (what, event)
            seen.add((event.event, node_id))
    starts = [index for index, each in enumerate(events) if isinstance(each, WorkflowStarted)]
    assert starts in ([], [0]), what
    finals = [index for index, each in enumerate(events) if each.status != "running"]
    assert finals == ([len(events) - 1] if told.error is None else []), what


def check_outcome(told: Told, what: Break, truth: Truth, version: str) -> None:
    """The true outcome, or the error that says precisely what is not known."""
    gaps = [index for index, each in enumerate(told.events) if isinstance(each, StreamGap)]
    if told.error is None:
        assert not what.dies, what
        assert (told.result.status, told.result.outputs) == (truth.status, truth.outputs), what
        assert is_part(texts_of(told.events), truth.texts), what
        assert not told.events[-1].synthetic or gaps[-1:] == [len(told.events) - 2], what
        was_found_going_on = bool(gaps) and gaps[-1] < len(told.events) - 2
        is_whole = not gaps and what.kind != "first events lost"
        if is_whole or (version in WITH_EVENTS and was_found_going_on):
            check_nodes(nodes_of(told.events), what, truth)
        return
    if told.error.outcome == "unknown" and not isinstance(told.error, RunLostError):
        assert isinstance(told.error, RunOutcomeUnknownError | ServerError), (what, told.error)
        assert not what.is_known, (what, told.error)
        assert told.events == []
        if version in (*WITH_EVENTS, "1.13"):  # they log runs from their start
            assert len(told.error.candidates) == 1
        return
    assert isinstance(told.error, RunLostError), (what, told.error)
    assert what.dies or version in LOSING, (what, told.error)
    assert told.error.run_id is not None
    assert told.error.run_id in str(told.error)
    assert told.error.last_event is told.events[-1]
    assert told.events[-1].event in str(told.error)


def check_nodes(nodes: Counter[tuple[str, str]], what: Break, truth: Truth) -> None:
    """Each node event of a run that was found while it went on."""
    missing = truth.nodes - nodes
    if what.kind == "first events lost":  # a start is not told behind its end
        missing = Counter({key: n for key, n in missing.items() if key[0] == "node_finished"})
    assert not missing, (what, missing)
    assert not nodes - truth.nodes, what


def is_part(part: list[str], whole: list[str]) -> bool:
    """Whether a list is another one without some of its items."""
    rest = iter(whole)
    return all(piece in rest for piece in part)


def at_each_event(name: str, truth: Truth) -> Iterator[Break]:
    for after in range(1, truth.events):
        for ending in get_args(Ending):
            if ending == "stall" and after % 8 != 1:
                continue  # it costs some seconds
            fault = Fault(RUN, ending=ending, after_events=after)
            known = ending != "reset"
            yield Break(f"{ending} at an event", name, ((fault, 1),), is_known=known)


def at_offsets(name: str, truth: Truth, seeded: random.Random) -> Iterator[Break]:
    """Breaks somewhere; the streams after the first one are broken too, now and then."""
    for _ in range(OFFSETS):
        ending: Any = seeded.choice(("cut", "reset", "close"))
        after = seeded.randrange(truth.size)
        first = Fault(RUN, ending=ending, after_bytes=after)
        again = Fault(EVENTS, ending=ending, after_bytes=seeded.randrange(truth.size))
        times = seeded.choice((0, 0, 1, 3))
        faults = ((first, 1), (again, times)) if times else ((first, 1),)
        kind = f"{ending} in an event" + (", repeatedly" if times else "")
        known = after >= truth.head and ending != "reset"
        yield Break(kind, name, faults, is_known=known)


def at_proxies(name: str, truth: Truth, version: str) -> Iterator[Break]:
    """Proxies that give up, and servers that fail, between breaks of the stream."""
    for status in (502, 504):
        emulator_faults = answers(status, runs_anyway=True, on=RUN)
        yield Break(f"{status} to the run", name, ((emulator_faults, 1),), is_known=False)
    for after in range(1, truth.events, 2):
        cut = Fault(RUN, ending="cut", after_events=after)
        for times in (1, 3, None):
            down = answers(504, on=EVENTS if version in WITH_EVENTS else DETAIL)
            if times is None and version not in WITH_EVENTS:
                continue  # then nothing tells the outcome
            if times is None and after % 8 != 1:
                continue  # it costs some seconds
            yield Break("504 to what follows", name, ((cut, 1), (down, times)))


def at_starts_and_deaths(name: str, truth: Truth) -> Iterator[Break]:
    for after in range(2, truth.events):
        lost = Fault(RUN, drops=after - 1)
        cut = Fault(RUN, ending="cut", after_events=after)
        yield Break("first events lost", name, ((lost, 1), (cut, 1)))
    for after in (1, truth.events // 2):
        dead = Fault(RUN, ending="cut", after_events=after, kills_worker=True)
        if name in ("talk", "branches"):  # the others have ended before
            yield Break("worker dies", name, ((dead, 1),), dies=True)


def answers(status: int, *, on: str, runs_anyway: bool = False) -> Fault:
    """The fault of a proxy's answer."""
    page = f"<html><head><title>{status}</title></head></html>"
    answer = Answer(status, page, "text/html")
    return Fault(on, answer=answer, runs_anyway=runs_anyway)


@pytest.mark.parametrize(
    ("version", "part", "parts"),
    [
        ("1.16", 0, 20),
        *(
            pytest.param(version, part, PARTS, marks=pytest.mark.slow)
            for version in VERSIONS
            for part in range(PARTS)
        ),
    ],
)
def test_a_run_is_sent_once_and_its_outcome_found_whatever_breaks(
    version: str, part: int, parts: int, record_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    seeded = random.Random(version)
    counts: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    with ExitStack() as stack:
        arenas = [Arena(version, number, stack) for number in range(ARENAS)]
        names = [name for name in BROKEN if name != "approval" or version in WITH_EVENTS]
        truths = {name: arenas[0].truth(name) for name in names}
        breaks: list[Break] = []
        for name, truth in truths.items():
            breaks += at_each_event(name, truth)
            breaks += at_offsets(name, truth, seeded)
            breaks += at_proxies(name, truth, version)
            breaks += at_starts_and_deaths(name, truth)
        breaks = breaks[part::parts]

        failures: list[BaseException] = []

        def work(number: int) -> None:
            for what in breaks[number::ARENAS]:
                try:
                    told = arenas[number].broken(what, truths[what.name])
                except AssertionError as error:
                    failures.append(error)
                    continue
                counts[what.kind] += told.faults
                outcomes[type(told.error).__name__ if told.error else "outcome"] += 1

        with ThreadPoolExecutor(ARENAS) as pool:
            for done in [pool.submit(work, number) for number in range(ARENAS)]:
                done.result()
    assert not failures, f"{len(failures)} of {len(breaks)}, the first: {failures[0]}"
    assert counts.total() > 900 / parts
    came = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    record_property(
        "summary",
        f"chaos on {version}: {counts.total()} faults in {len(breaks)} runs and "
        f"{time.monotonic() - began:.0f} s ({kinds}), of which came {came}",
    )
