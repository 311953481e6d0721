"""Reads long logs of the emulator by cursor and by page number, and prints the cost of each way.

The log grows during the reading, as real logs do: a run is added before every fiftieth call. A row
counts as missing if it was in the log from the beginning and was not read.

For a page number, the database counts all rows and reads those before the page. So only ten
stretches of a hundred pages of the longer log are read that way, from the first page to the last.
A row counts as missing if it is within a stretch. ``--whole`` reads all pages.
"""

from __future__ import annotations

import argparse
import math
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
"""Rows of a page, the largest number that the server allows."""

GROWS_EVERY = 50
"""Number of calls between two added runs."""

ENDS = 20
"""Number of pages at either end whose median time is shown."""

LONG = 2_000
"""From this number of pages on, only stretches are read by page number."""

STRETCHES, STRETCH = 10, 100
"""The number of stretches, and of pages in each."""

Page = list[tuple[str, int]]
"""Id and time (Unix seconds) of each row."""

Walk = Callable[[str, httpx.Client, int], Iterator[Iterator[Page]]]
"""Yields stretches of pages, for a server's base URL and the length of its log."""


@attrs.define
class Cost:
    """The cost of reading a log.

    Args:
        rows: Number of rows that were read.
        distinct: Number of different rows.
        missing: Number of rows that were there throughout and were not read.
        calls: Number of calls.
        seconds: Duration.
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
    """Yield the runs of a busy app: sometimes a burst within a second, otherwise seconds apart."""
    moment = time.time()
    left = count
    while left:
        burst = min(left, chance.choice([1] * 8 + [chance.randint(2, 60)]))
        for _ in range(burst):
            yield PastRun(moment)
        left -= burst
        moment -= chance.expovariate(0.2)


def noted(those: Iterator[PastRun], seconds: dict[str, int]) -> Iterator[PastRun]:
    """Pass the runs on, and note the times of their rows."""
    for run in those:
        seconds[run.log_id] = int(run.created_at + 0.5)  # the log rounds in the same way
        yield run


def by_cursor(base_url: str, connections: httpx.Client, _: int) -> Iterator[Iterator[Page]]:
    """Yield page after page, each from the end of the one before."""
    client = DifyWorkflow(KEY, base_url=base_url, http_client=connections)
    pages = client.iter_logs(WorkflowLogsRequest(limit=PAGE)).pages()
    yield ([(row.id, row.created_at) for row in page] for page in pages)


def by_page_number(base_url: str, connections: httpx.Client, _: int) -> Iterator[Iterator[Page]]:
    """Yield page after page, by the server's page numbers."""
    yield numbered(base_url, connections, 1, None)


def by_some_page_numbers(
    base_url: str, connections: httpx.Client, count: int
) -> Iterator[Iterator[Page]]:
    """Yield pages like `by_page_number`; of a long log only stretches, the last one to its end."""
    last = math.ceil(count / PAGE)
    if last < LONG:
        yield from by_page_number(base_url, connections, count)
        return
    for number in range(STRETCHES):
        begin = 1 + (last - STRETCH) * number // (STRETCHES - 1)
        end = begin + STRETCH if number < STRETCHES - 1 else None
        yield numbered(base_url, connections, begin, end)


def numbered(
    base_url: str, connections: httpx.Client, begin: int, end: int | None
) -> Iterator[Page]:
    """Yield the pages from a number to the one before another number, or to the last one."""
    client = AuthenticatedClient(base_url=base_url, token=KEY)
    client.set_httpx_client(connections)
    connections.base_url = httpx.URL(base_url)
    connections.headers["Authorization"] = f"Bearer {KEY}"
    number, has_more = begin, True
    while has_more and number != end:
        page = list_workflow_logs.sync(client=client, page=number, limit=PAGE)
        assert isinstance(page, WorkflowLogPage), page
        number, has_more = number + 1, page.has_more
        yield [(row.id, row.created_at) for row in page.data]


def missing(rows: Page, seconds: dict[str, int], *, first: bool, last: bool) -> int:
    """Count the rows of a stretch that were there from the beginning and were not read."""
    newest = math.inf if first else max(second for _, second in rows)
    oldest = -math.inf if last else min(second for _, second in rows)
    came = {row_id for row_id, _ in rows}
    return sum(
        oldest < second < newest and row_id not in came for row_id, second in seconds.items()
    )


def measured(walk: Walk, count: int) -> Cost:
    """Read a log of this many rows."""
    with Emulator() as emulator:
        seconds: dict[str, int] = {}
        emulator.add_runs(noted(runs(count, random.Random(count)), seconds), "echo")
        calls = 0

        def grow(_: httpx.Request) -> None:
            nonlocal calls
            calls += 1
            if calls % GROWS_EVERY == 0:
                emulator.add_runs([PastRun(time.time())], "echo")

        stretches: list[Page] = []
        times: list[float] = []
        with httpx.Client(event_hooks={"request": [grow]}, timeout=60) as connections:
            for stretch in walk(emulator.base_url, connections, count):
                stretches.append([])
                moments = [time.perf_counter()]
                for page in stretch:
                    stretches[-1] += page
                    moments.append(time.perf_counter())
                times += [after - before for before, after in pairwise(moments)]
    ids = [row_id for stretch in stretches for row_id, _ in stretch]
    return Cost(
        rows=len(ids),
        distinct=len(set(ids)),
        missing=sum(
            missing(stretch, seconds, first=number == 0, last=number == len(stretches) - 1)
            for number, stretch in enumerate(stretches)
        ),
        calls=calls,
        seconds=sum(times),
        first=statistics.median(times[:ENDS]) * 1000,
        last=statistics.median(times[-ENDS:]) * 1000,
    )


def main() -> None:
    """Print a line for each way and length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[100_000, 1_000_000], help="lengths of the logs"
    )
    parser.add_argument("--whole", action="store_true", help="read every page, however long")
    parser.add_argument("--way", choices=("cursor", "page"), help="only one of the two ways")
    options = parser.parse_args()
    numbers = by_page_number if options.whole else by_some_page_numbers
    ways: dict[str, Walk] = {"cursor": by_cursor, "page": numbers}
    heads = ("log", "way", "rows", "distinct", "missing", "calls", "seconds", "first", "last")
    print(("{:>11}" * len(heads)).format(*heads))
    for count in options.rows:
        for name in [options.way] if options.way else ways:
            cost = measured(ways[name], count)
            counts = (cost.rows, cost.distinct, cost.missing, cost.calls)
            times = f"{cost.seconds:>11,.0f}{cost.first:>8,.0f} ms{cost.last:>8,.0f} ms"
            numbers_of = "".join(f"{number:>11,}" for number in counts)
            print(f"{count:>11,}{name:>11}{numbers_of}{times}", flush=True)


if __name__ == "__main__":
    main()
