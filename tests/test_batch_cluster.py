"""Batches on executors: on processes of this machine, and on a Dask cluster with PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio
import httpx
import pytest
from anyio import create_task_group, to_thread

from dify_workflow import (
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    DifyWorkflow,
    InvalidRequestError,
)
from dify_workflow.async_client import AsyncDifyWorkflow
from dify_workflow.batch import (
    JournalError,
    RowResult,
    iter_batch,
    read_rows,
    run_batch,
    run_batch_async,
)
from dify_workflow.batch.cluster import MaskedText, executor_at, options_to_send
from dify_workflow.batch.journal import Journal
from dify_workflow.batch.run import OnInterrupt
from dify_workflow.emulator import Emulator
from support.batches import Runs, counted_runs, counts, names, results, table, wait_until_begun
from support.blocks import LOCAL_SERVER
from support.cli import call
from support.postgres import NEEDS_POSTGRES, empty_database, postgres
from support.spec import ROOT

if TYPE_CHECKING:
    from distributed import Client

ROWS = 2000
WORKERS = 3
CONCURRENCY = 12
KEY = "app-work"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> str:
    """An empty database of the test's own."""
    return empty_database(server, request.node.name)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """A Dask cluster of three processes on this machine."""
    from distributed import Client, LocalCluster  # here: importing it takes a second

    local = LocalCluster(
        n_workers=WORKERS,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,  # of the worker that is killed
    )
    with local, Client(local) as client:
        yield client


@pytest.mark.slow
@NEEDS_POSTGRES
def test_a_worker_that_is_killed_has_its_rows_followed_and_none_is_run_twice(
    database: str,
    cluster: Client,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    rows = read_rows(table(tmp_path / "rows.csv", ROWS))
    workers = cluster.run(os.getpid)
    assert len(set(workers.values())) == WORKERS
    with counted_runs(0.05) as runs, runs.client() as client:
        killer = Thread(target=kill_when, args=(runs, ROWS // 4, lambda: min(workers.values())))
        killer.start()
        summary = run_batch(
            client,
            rows,
            journal=database,
            concurrency=CONCURRENCY,
            executor=cluster.get_executor(),
        )
        killer.join()
    found = results(database)
    unknown = {result.row["name"] for result in found if result.status == "unknown"}
    others = {result.row["name"] for result in found if result.status == "succeeded"}
    # The worker may have died between writing down that it sends a row and sending it.
    assert len(unknown) == summary.unknown <= CONCURRENCY
    assert len(others) + len(unknown) == ROWS
    assert runs.counts == Counter(dict.fromkeys(others, 1))
    assert len({result.run_id for result in found if result.run_id}) == len(others)
    assert runs.most_at_once <= CONCURRENCY
    record_property(
        "summary",
        f"{ROWS} rows on Dask, a worker killed: none ran twice, {len(unknown)} unknown, at most "
        f"{runs.most_at_once} of {CONCURRENCY} at once",
    )


def kill_when(runs: Runs, count: int, pid: Callable[[], int]) -> None:
    """Kill a process when so many runs have begun."""
    wait_until_begun(runs, count)
    os.kill(pid(), signal.SIGKILL)


@pytest.mark.slow
@NEEDS_POSTGRES
def test_the_command_runs_rows_on_a_cluster_with_more_workers_than_runs(
    database: str, tmp_path: Path
) -> None:
    from distributed import LocalCluster

    rows, out = str(table(tmp_path / "rows.csv", 30)), str(tmp_path / "results.jsonl")
    local = LocalCluster(n_workers=3, threads_per_worker=1, processes=False, dashboard_address=":0")
    with counted_runs(0.02) as runs, local:
        dask = ("--dask", local.scheduler_address, "--journal", database, "--concurrency", "2")
        url = runs.emulator.base_url
        done = call("batch", rows, "--output", out, *dask, base_url=url, key="app-work")
        again = call("batch", rows, "--output", out, *dask, base_url=url, key="app-work")
    assert (done.code, again.code) == (0, 2)
    assert "30 rows: 30 succeeded" in done.err
    assert "--resume continues it" in again.said
    assert set(runs.counts.values()) == {1}
    assert runs.most_at_once <= 2


@pytest.mark.slow
@NEEDS_POSTGRES
def test_a_cluster_whose_workers_are_still_to_come_is_refused(database: str) -> None:
    from distributed import Client, LocalCluster

    local = LocalCluster(n_workers=0, processes=False, dashboard_address=":0")
    with counted_runs() as runs, runs.client() as client, local, Client(local) as dask:
        with pytest.raises(ConfigurationError, match="has no workers yet: wait for all of them"):
            run_batch(client, names(3), journal=database, executor=dask.get_executor())
        assert not runs.counts


@pytest.mark.slow
@NEEDS_POSTGRES
def test_a_cluster_writes_no_file_that_its_machines_do_not_share(
    cluster: Client, tmp_path: Path
) -> None:
    with counted_runs() as runs, runs.client() as client:
        with pytest.raises(JournalError, match="must be a PostgreSQL database"):
            run_batch(client, names(3), journal=tmp_path / "j", executor=cluster.get_executor())
        assert not runs.counts


def spawning(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def forking(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("fork"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [spawning, forking, ThreadPoolExecutor])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of a process that has threads
def test_any_executor_runs_rows_and_results_are_told_here(tmp_path: Path, kind: Any) -> None:
    told: list[RowResult] = []
    with counted_runs(0.01) as runs, runs.client() as client, kind(2) as executor:
        options = {"journal": tmp_path / "j", "executor": executor, "concurrency": 4}
        summary = run_batch(client, names(40), on_result=told.append, **options)
        again = run_batch(client, names(40), resume=True, **options)
    assert summary.counts == again.counts == {"succeeded": 40}
    assert again.skipped == 40
    assert sorted(result.number for result in told) == list(range(40))
    assert set(runs.counts.values()) == {1}
    assert runs.most_at_once <= 4


@pytest.mark.slow
def test_a_process_of_an_executor_that_is_killed_ends_the_batch_which_can_be_gone_on_with(
    tmp_path: Path,
) -> None:
    with counted_runs(0.05) as runs, runs.client() as client:
        options: dict[str, Any] = {"journal": tmp_path / "j", "concurrency": 4}
        with spawning(2) as executor, pytest.raises(BrokenProcessPool):
            killer = Thread(target=lambda: kill_when(runs, 20, lambda: min(executor._processes)))
            killer.start()
            run_batch(client, names(100), executor=executor, **options)
        killer.join()
        with spawning(2) as executor:
            summary = run_batch(client, names(100), executor=executor, resume=True, **options)
    found = results(str(tmp_path / "j"))
    unknown = {result.row["name"] for result in found if result.status == "unknown"}
    assert len(unknown) == summary.unknown <= 4
    assert runs.counts == Counter(row["name"] for row in names(100) if row["name"] not in unknown)


@pytest.mark.parametrize(("way", "ended"), [("wait", "succeeded"), ("stop", "pending")])
def test_ctrl_c_has_chunks_begin_no_more_runs_and_follow_or_stop_those_that_go_on(
    tmp_path: Path, way: OnInterrupt, ended: str
) -> None:
    seconds = {"wait": 0.5, "stop": 60.0}[way]
    rows = names(400)  # in chunks of 50
    with counted_runs(seconds) as runs, runs.client() as client, ThreadPoolExecutor(2) as executor:
        presser = Thread(target=press_ctrl_c_when, args=(runs, 4))
        presser.start()
        options: dict[str, Any] = {"journal": tmp_path / "j", "executor": executor}
        summary = run_batch(client, rows, concurrency=4, on_interrupt=way, **options)
        presser.join()
    begun = runs.counts.total()
    assert summary.is_interrupted
    assert begun < 50
    assert summary.counts == Counter(pending=400 - begun) + Counter({ended: begun})


def press_ctrl_c_when(runs: Runs, count: int) -> None:
    """Interrupt the main thread when so many runs have begun."""
    main = threading.main_thread().ident
    assert main is not None
    wait_until_begun(runs, count)
    signal.pthread_kill(main, signal.SIGINT)


def test_a_batch_that_is_left_frees_its_executor_and_leaves_its_runs_to_the_next_one(
    tmp_path: Path,
) -> None:
    async def run_and_leave() -> None:
        batch = partial(run_batch_async, journal=tmp_path / "j", concurrency=4, executor=executor)
        async with runs.emulator.async_client("work") as client, create_task_group() as group:
            group.start_soon(batch, client, names(400))
            await to_thread.run_sync(wait_until_begun, runs, 4)
            group.cancel_scope.cancel()

    with counted_runs(60.0) as runs, ThreadPoolExecutor(2) as executor:
        anyio.run(run_and_leave)  # and the executor waits for the ends of its calls
    assert counts(tmp_path / "j") == {"running": 4, "pending": 396}
    assert runs.counts.total() == 4


def test_a_batch_that_fails_frees_its_executor_too(tmp_path: Path) -> None:
    options: dict[str, Any] = {"journal": tmp_path / "j", "concurrency": 2}
    with counted_runs(60.0) as runs, runs.client() as client, ThreadPoolExecutor(2) as executor:
        runs.emulator.faults.answer(401, on="POST /workflows/run")  # once
        with pytest.raises(AuthenticationError):
            run_batch(client, names(400), executor=executor, **options)
    assert runs.counts.total() <= 1
    assert set(counts(tmp_path / "j")) <= {"running", "pending"}


def test_a_batch_that_begins_has_the_chunks_of_one_that_died_leave_off(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "j")) as journal:
        journal.set_command("of one that died", "go")
        assert journal.command("of one that died") == "go"
        with journal.locked():
            assert journal.command("of one that died") is None


def test_what_ends_a_chunk_ends_the_batch(tmp_path: Path) -> None:
    with counted_runs() as runs, runs.client() as client, ThreadPoolExecutor(2) as executor:
        runs.emulator.faults.answer(401, on="POST /workflows/run", times=None)
        with pytest.raises(AuthenticationError):
            run_batch(client, names(9), journal=tmp_path / "j", executor=executor)
        runs.emulator.faults.clear()
        summary = run_batch(
            client, names(9), journal=tmp_path / "j", executor=executor, resume=True
        )
    assert summary.counts == {"succeeded": 9}


def test_rows_of_an_iterator_are_refused_with_an_executor(tmp_path: Path) -> None:
    refused = pytest.raises(InvalidRequestError, match="not an iterator")
    with counted_runs() as runs, runs.client() as client, ThreadPoolExecutor(2) as executor:
        with refused:
            run_batch(client, iter(names(3)), journal=tmp_path / "j", executor=executor)
        assert not runs.counts


def test_connections_of_the_users_own_do_not_travel(tmp_path: Path) -> None:
    async def run() -> None:
        async with httpx.AsyncClient() as connections:
            client = runs.emulator.async_client("work", http_client=connections)
            await run_batch_async(client, names(1), journal=tmp_path / "j", executor=executor)

    refused = pytest.raises(ConfigurationError, match="http_client cannot be sent")
    with counted_runs() as runs, ThreadPoolExecutor(1) as executor, refused:
        asyncio.run(run())


def test_an_error_of_a_worker_shows_no_key_on_its_way() -> None:
    """Dask has exceptions pickled with their causes, and httpx's have the request."""
    import distributed  # noqa: F401  # which has them pickled so

    key = "app-S3cr3t-S3cr3t"
    client = DifyWorkflow(key, base_url="http://127.0.0.1:1/v1", max_retries=0)
    with client, pytest.raises(APIConnectionError) as caught:
        client.app_info()
    pickled = pickle.dumps(caught.value)
    assert key.encode() not in pickled
    assert isinstance(pickle.loads(pickled).__cause__, httpx.ConnectError)


def test_the_key_shows_nowhere_on_its_way() -> None:
    key = "app-S3cr3t-S3cr3t"
    sealed, options, _ = options_to_send(AsyncDifyWorkflow(key, base_url="http://h/v1"))
    pickled = pickle.dumps((sealed, options))
    assert key.encode() not in pickled
    assert b"S3cr3t" not in pickled
    assert key not in f"{sealed!r} {sealed} {options}"
    assert pickle.loads(pickled)[0].get_secret_value() == key
    assert pickle.dumps(sealed) != pickle.dumps(MaskedText(key))


@pytest.mark.slow
@NEEDS_POSTGRES
def test_a_cluster_shows_neither_key_nor_password_in_its_logs_and_on_its_dashboard(
    database: str, cluster: Client
) -> None:
    with counted_runs(0.5) as runs, runs.client() as client:
        rows = iter_batch(
            client, names(9), journal=database, concurrency=3, executor=cluster.get_executor()
        )
        taking = Thread(target=next, args=(rows,))
        taking.start()
        wait_until_begun(runs, 1)
        shown = everything_shown(cluster)
        taking.join()
        rows.close()
        runs.emulator.faults.answer(401, on="POST /workflows/run", times=None)
        with pytest.raises(AuthenticationError) as caught:
            executor = cluster.get_executor()
            run_batch(client, names(12), journal=database, executor=executor, resume=True)
    shown += [everything_shown(cluster), *traceback.format_exception(caught.value)]
    text = "\n".join(map(str, shown))
    assert "run_chunk" in text
    assert KEY not in text
    assert "S3cr3t" not in text


def everything_shown(cluster: Client) -> list[object]:
    """What a cluster's logs and the pages of its dashboard say now."""
    shown: list[object] = [cluster.get_scheduler_logs(), cluster.get_worker_logs()]
    shown += [cluster.processing(), cluster.call_stack(), cluster.story()]
    base = cluster.dashboard_link.removesuffix("/status")
    paths = ["info/main/workers.html", "info/main/logs.html", "json/counts.json"]
    for address in cluster.scheduler_info()["workers"]:
        place = quote(address, safe="")
        paths += [f"info/worker/{place}.html", f"info/call-stacks/{place}.html"]
        paths += [f"info/logs/{place}.html"]
    for path in paths:
        page = httpx.get(f"{base}/{path}")
        assert page.status_code == 200, path
        tasks = re.findall(r"[./\w-]*(?:task|call-stack)/[^\"']+\.html", page.text)
        shown += [page.text, *(httpx.get(f"{base}/info/{task.strip('./')}").text for task in tasks)]
    return shown


@pytest.mark.slow
@NEEDS_POSTGRES
def test_a_journal_in_postgresql_shows_no_password_and_takes_one_batch_at_a_time(
    database: str,
) -> None:
    with closing(Journal(database)) as journal, closing(Journal(database)) as other:
        assert_locks(journal, other)
    with pytest.raises(JournalError, match="password authentication failed") as caught:
        Journal(database.replace("S3cr3t", "guessed"))
    assert "guessed" not in str(caught.value)


def assert_locks(journal: Journal, other: Journal) -> None:
    assert "S3cr3t" not in repr(journal)
    with journal.locked():
        with pytest.raises(JournalError, match="Another batch") as caught, other.locked():
            pass
        assert "S3cr3t" not in str(caught.value)
    with other.locked():
        pass


def test_an_address_where_nobody_answers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dify_workflow.batch.cluster.CONNECT_SECONDS", 0.2)
    answers = pytest.raises(ConfigurationError, match="No Dask scheduler answers at tcp://127")
    with answers, executor_at("tcp://127.0.0.1:1"):
        pass
    with executor_at(None) as nothing:
        assert nothing is None


@pytest.mark.slow
@NEEDS_POSTGRES
def test_the_program_of_the_page_runs_as_it_stands(
    database: str, emulator: Emulator, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "batches.md").read_text(encoding="utf-8")
    start = "from distributed import LocalCluster"
    program = start + page.partition(start)[2].partition("```")[0]
    journal = "postgresql://postgres:x@127.0.0.1:5432/postgres"
    assert journal in program
    program = program.replace(journal, database)
    file = tmp_path / "try_cluster.py"
    file.write_text(program.replace(LOCAL_SERVER, emulator.base_url), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, file], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{'succeeded': 1000} ")
