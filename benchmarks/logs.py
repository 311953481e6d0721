"""Reads long logs of the emulator by cursor and by page number, and prints what each way costs.

The log grows while it is read, as logs do: a run is added before every fiftieth call. A row counts
as missing where it was there from the beginning and did not come.

``make bench-logs`` takes about two hours, most of them by page number over the longer log;
``python benchmarks/logs.py --rows 20000`` a minute.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import attrs
import httpx

from dify_workflow import DifyWorkflow, WorkflowLogsRequest
from dify_workflow.emulator import Emulator, PastRun
from dify_workflow_api import AuthenticatedClient
from dify_workflow_api.api.workflows import list_workflow_logs
from dify_workflow_api.models import WorkflowLogPage

KEY = "app-echo"
PAGE = 100
"""Rows a page, the most that the server gives."""

GROWS_EVERY = 50
"""Calls between two runs that are added."""

ENDS = 20
"""Pages at either end whose median time is shown."""

Walk = Callable[[str, httpx.Client], Iterator[list[str]]]
"""Yields the ids of each page, from a server's base URL."""


@attrs.define
class Cost:
    """What a walk cost.

    Args:
        rows: How many rows came.
        distinct: How many different ones.
        missing: How many that were there throughout did not come.
        calls: How many calls it took.
        seconds: How long it took.
        first: Median time of the first pages, in milliseconds.
        last: Median time of the last pages, in milliseconds.
    """

    rows: int
    distinct: int
    missing: int
    calls: int
    seconds: float
    first: float
    last: float


def runs(count: int, chance: random.Random) -> Iterator[PastRun]:
    """Runs of a busy app: now and then a burst within a second, else some seconds apart."""
    moment = time.time()
    left = count
    while left:
        burst = min(left, chance.choice([1] * 8 + [chance.randint(2, 60)]))
        for _ in range(burst):
            yield PastRun(moment)
        left -= burst
        moment -= chance.expovariate(0.2)


def noted(those: Iterator[PastRun], ids: set[str]) -> Iterator[PastRun]:
    """The runs as they are, their ids noted."""
    for run in those:
        ids.add(run.log_id)
        yield run


def by_cursor(base_url: str, connections: httpx.Client) -> Iterator[list[str]]:
    """Page after page, each from where the one before ended."""
    client = DifyWorkflow(KEY, base_url=base_url, http_client=connections)
    for page in client.iter_logs(WorkflowLogsRequest(limit=PAGE)).pages():
        yield [row.id for row in page]


def by_page_number(base_url: str, connections: httpx.Client) -> Iterator[list[str]]:
    """Page after page, as the server numbers them."""
    client = AuthenticatedClient(base_url=base_url, token=KEY)
    client.set_httpx_client(connections)
    connections.base_url = httpx.URL(base_url)
    connections.headers["Authorization"] = f"Bearer {KEY}"
    number, has_more = 0, True
    while has_more:
        number += 1
        page = list_workflow_logs.sync(client=client, page=number, limit=PAGE)
        assert isinstance(page, WorkflowLogPage), page
        has_more = page.has_more
        yield [row.id for row in page.data]


def measured(walk: Walk, count: int) -> Cost:
    """Walk over a log of so many rows."""
    with Emulator() as emulator:
        expected: set[str] = set()
        emulator.add_runs(noted(runs(count, random.Random(count)), expected), "echo")
        calls = 0

        def grow(_: httpx.Request) -> None:
            nonlocal calls
            calls += 1
            if calls % GROWS_EVERY == 0:
                emulator.add_runs([PastRun(time.time())], "echo")

        ids: list[str] = []
        moments = [time.perf_counter()]
        with httpx.Client(event_hooks={"request": [grow]}, timeout=60) as connections:
            for page in walk(emulator.base_url, connections):
                ids += page
                moments.append(time.perf_counter())
    times = [(after - before) * 1000 for before, after in pairwise(moments)]
    return Cost(
        rows=len(ids),
        distinct=len(set(ids)),
        missing=len(expected - set(ids)),
        calls=calls,
        seconds=moments[-1] - moments[0],
        first=statistics.median(times[:ENDS]),
        last=statistics.median(times[-ENDS:]),
    )


def main() -> None:
    """Print a line for each way and length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[100_000, 1_000_000], help="lengths of the logs"
    )
    heads = ("way", "rows", "distinct", "missing", "calls", "seconds", "first page", "last page")
    print(("{:>12}" * len(heads)).format(*heads))
    for count in parser.parse_args().rows:
        for name, walk in (("cursor", by_cursor), ("page number", by_page_number)):
            cost = measured(walk, count)
            counts = (cost.rows, cost.distinct, cost.missing, cost.calls)
            times = f"{cost.seconds:>12,.0f}{cost.first:>9,.0f} ms{cost.last:>9,.0f} ms"
            print(f"{name:>12}", *(f"{number:>11,}" for number in counts), times, flush=True)


if __name__ == "__main__":
    main()
