"""The speed of a Dask cluster of three processes, compared with one process."""
# mypy: disable-error-code=no-untyped-call
# distributed has no types.

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

from dify_workflow import DifyWorkflow
from dify_workflow.batch import run_batch

from .work import CONCURRENCY, KEY, Meter, Names, server

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from support.postgres import BINARIES, postgres  # type: ignore[import-not-found]


def show_cluster(count: int, folder: Path) -> None:
    """Print how many rows both run in a second."""
    if BINARIES is None:
        print("a Dask cluster: not measured, as Debian's postgresql is not installed")
        return
    with postgres() as database, server() as url, DifyWorkflow(KEY, base_url=url) as client:
        options: dict[str, Any] = {"concurrency": CONCURRENCY}
        meter = Meter(count)
        run_batch(client, Names(count), journal=folder / "alone", **options)
        alone = meter.read()
        local = LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None
        )
        with local, Client(local) as dask:
            options["executor"] = dask.get_executor()
            meter = Meter(count)
            run_batch(client, Names(count), journal=database, **options)
            spread = meter.read()
    print(
        f"{count:,} rows: one process {1000 / alone.wall:,.0f} rows/s, three Dask workers with "
        f"PostgreSQL {1000 / spread.wall:,.0f} rows/s",
        flush=True,
    )
