"""The emulator's logs: ordered as a real server orders them, any number of them, kept in a file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from dify_workflow import WorkflowLogsRequest
from dify_workflow.emulator import Emulator, PastRun

NOON = 1_795_348_800.0


def page(emulator: Emulator, **query: Any) -> dict[str, Any]:
    headers = {"Authorization": "Bearer app-echo"}
    answer = httpx.get(f"{emulator.base_url}/workflows/logs", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ids(found: dict[str, Any]) -> list[str]:
    return [row["id"] for row in found["data"]]


def test_rows_of_a_second_stand_in_another_order_each_time() -> None:
    with Emulator() as emulator:
        emulator.add_runs((PastRun(NOON) for _ in range(12)), "echo")
        orders = {tuple(ids(page(emulator))) for _ in range(5)}
        assert len(orders) > 1
        assert len({frozenset(order) for order in orders}) == 1
        walked = [
            each for number in range(1, 7) for each in ids(page(emulator, page=number, limit=2))
        ]
        assert len(walked) == 12
        assert len(set(walked)) < 12  # logs_burst_page1..7: pages lose rows


def test_times_are_rounded_to_whole_seconds_and_bounds_are_inclusive() -> None:
    with Emulator() as emulator:
        moments = [NOON + 0.4, NOON + 0.6, NOON + 2]
        emulator.add_runs([PastRun(moment, user=str(moment)) for moment in moments], "echo")
        rows = page(emulator)["data"]
        assert [row["created_at"] - NOON for row in rows] == [2, 1, 0]
        assert [row["workflow_run"]["created_at"] - NOON for row in rows] == [2, 0, 0]

        def between(after: str, before: str) -> list[float]:
            found = page(emulator, created_at__after=after, created_at__before=before)
            return [row["created_at"] - NOON for row in found["data"]]

        assert between("2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z") == [1, 0]
        assert between("2026-11-22T12:00:00.000001Z", "2026-11-22T12:00:01.999999Z") == [1]
        assert between("2026-11-22T13:00:02+01:00", "2026-11-23") == [2]
        assert between("2026-11-22T12:00:02", "2026-11-22T12:00:01") == []


def test_last_id_is_ignored_and_the_first_of_repeated_parameters_wins() -> None:
    with Emulator() as emulator:
        emulator.add_runs([PastRun(NOON), PastRun(NOON + 1)], "echo")
        assert len(ids(page(emulator, last_id="x"))) == 2
        url = f"{emulator.base_url}/workflows/logs?limit=1&limit=2"
        answer = httpx.get(url, headers={"Authorization": "Bearer app-echo"})
        assert answer.json()["limit"] == 1


@pytest.mark.parametrize(
    ("keyword", "version", "found"),
    [
        ("ANN", "1.14", 1),
        ("%", "1.14", 0),
        ("%", "1.7", 2),
        ("☃", "1.14", 0),
        ("☃", "1.7", 1),
        ("greeting", "1.14", 2),  # a name of an output
    ],
)
def test_keywords_match_as_the_version_stores_them(keyword: str, version: str, found: int) -> None:
    with Emulator(server_version=version) as emulator:
        names = ["Ann", "Bo ☃"]
        runs = [PastRun(NOON, inputs={"name": n}, outputs={"greeting": n}) for n in names]
        emulator.add_runs(runs, "echo")
        assert len(ids(page(emulator, keyword=keyword))) == found


def test_a_run_is_found_by_its_id_but_not_a_row_by_its_own() -> None:
    with Emulator() as emulator:
        run = PastRun(NOON)
        emulator.add_runs([run, PastRun(NOON)], "echo")
        assert ids(page(emulator, keyword=run.id)) == [run.log_id]
        assert ids(page(emulator, keyword=run.id.replace("-", ""))) == [run.log_id]
        assert ids(page(emulator, keyword=run.log_id)) == []


def test_deleted_rows_are_gone() -> None:
    with Emulator() as emulator:
        runs = [PastRun(NOON + number) for number in range(3)]
        emulator.add_runs(runs, "echo")
        emulator.delete_logs([runs[1].log_id])
        assert ids(page(emulator)) == [runs[2].log_id, runs[0].log_id]


def test_runs_that_cannot_be_added_leave_nothing_behind() -> None:
    run = PastRun(NOON)
    with Emulator() as emulator:
        with pytest.raises(Exception, match="UNIQUE"):
            emulator.add_runs([PastRun(NOON), run, run], "echo")
        assert page(emulator)["total"] == 0


def test_a_database_keeps_runs_and_logs_over_restarts(tmp_path: Path) -> None:
    database = tmp_path / "runs.sqlite"
    with Emulator(database=database) as emulator, emulator.client("echo") as client:
        run = client.run_workflow({"name": "Ann"})
    assert run.id is not None
    with Emulator(database=database) as emulator, emulator.client("echo") as client:
        assert client.info(run.id).outputs == {"greeting": "Ann"}
        assert [row.workflow_run and row.workflow_run.id for row in client.logs()] == [run.id]


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_added_and_read_in_seconds() -> None:
    with Emulator() as emulator, emulator.client("echo") as client:
        began = time.process_time()  # which others that use the machine do not lengthen
        emulator.add_runs((PastRun(NOON + number / 3) for number in range(100_000)), "echo")
        last = client.logs(WorkflowLogsRequest(limit=100))
        assert last.total == 100_000
        assert time.process_time() - began < 30
