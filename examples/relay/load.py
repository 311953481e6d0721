"""Opens many streams of the relay at once: python load.py http://127.0.0.1:8080 --streams 100."""

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass

import httpx


@dataclass
class Seen:
    """What one browser received: seconds to the first text and to the end, and the run's status."""

    first_text: float
    end: float
    status: str


async def browse(http: httpx.AsyncClient) -> Seen:
    began, first, event, status = time.monotonic(), 0.0, "", "cut"
    async with http.stream("GET", "/runs", params={"topic": "boxes"}) as answer:
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
                first = first or (time.monotonic() - began if event == "text" else 0.0)
            elif name == "data" and event == "done":
                status = json.loads(value)["status"]
    return Seen(first, time.monotonic() - began, status)


async def load(url: str, streams: int) -> list[Seen]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120) as http:
        return await asyncio.gather(*[browse(http) for _ in range(streams)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--streams", type=int, default=100)
    options = parser.parse_args()
    seen = asyncio.run(load(options.url, options.streams))
    succeeded = sum(each.status == "succeeded" for each in seen)
    print(f"{succeeded} of {len(seen)} runs succeeded")
    for what, times in {
        "first text": [each.first_text for each in seen],
        "end": [each.end for each in seen],
    }.items():
        print(f"{what:>10}: median {statistics.median(times):.2f} s, last {max(times):.2f} s")
    return 0 if succeeded == len(seen) else 1


if __name__ == "__main__":
    sys.exit(main())
