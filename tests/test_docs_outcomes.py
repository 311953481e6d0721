"""What the pages say of outcomes is what the client does: their tables, and the recipe for jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest

from dify_workflow import (
    APIConnectionError,
    APITimeoutError,
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
    WorkflowLogsRequest,
    errors,
)
from dify_workflow._http.failures import status_error
from dify_workflow.emulator import Emulator, Faults
from dify_workflow.outcomes import meaning
from support.blocks import blocks
from support.pace import hurried
from support.recordings import recording
from support.spec import ROOT

RELIABILITY = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
POST = "POST /workflows/run"
UNCLEAR = (408, 425, 429, 499)
VOUCHED = 503


def refusal(status: int, code: str | None = None, retry_after: str | None = None) -> DifyError:
    """The exception for an answer with a status; Dify's own have a code."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    body = json.dumps({"code": code, "message": "Too many requests."}) if code else "<html>"
    return status_error("run_workflow", status, headers, body)


LIMIT = recording("1.14.2/rate_blocking_second").body.decode()
ANSWERS: dict[str, list[DifyError]] = {
    "A refusal of Dify itself": [
        status_error("run_workflow", 400, {}, LIMIT),
        refusal(429, "too_many_requests"),
        refusal(429, "rate_limit_error"),
    ],
    "3xx": [refusal(status) for status in range(300, 400)],
    "Other 4xx": [refusal(status) for status in range(400, 500) if status not in UNCLEAR],
    "408, 425, 499": [refusal(status) for status in UNCLEAR],
    "5xx": [
        refusal(status, retry_after=after) for status in range(500, 600) for after in (None, "0")
    ],
    "2xx": [InvalidResponseError("x")],
    "No connection": [APIConnectionError("x", request_sent=False)],
    "The connection broke": [
        APIConnectionError("x", request_sent=True),
        APITimeoutError("x", request_sent=True),
    ],
    "The deadline passed before": [RunDeadlineExceededError("x", request_sent=False)],
    "The deadline passed afterwards": [RunDeadlineExceededError("x", request_sent=True)],
    "A status that you vouch for": [refusal(VOUCHED)],
}
"""Failures of a run's request, by how the row about them begins in the table of answers."""


def cells(text: str, heading: str) -> list[list[str]]:
    """The cells of the rows of a table, without its head.

    Args:
        text: The page.
        heading: How the head of the table begins.
    """
    table = text.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]


def test_the_table_of_answers_is_what_the_client_decides() -> None:
    rows = cells(RELIABILITY, "answer to the request")
    assert len(rows) == len(ANSWERS)
    for (what, outcome, again), (begins, failures) in zip(rows, ANSWERS.items(), strict=True):
        assert what.startswith(begins)
        vouched = {VOUCHED} if "vouch" in what else set[int]()
        for failure in failures:
            found = meaning(failure, vouched)
            assert found.outcome == outcome.replace(" ", "_"), failure
            assert found.may_repeat is (again == "yes"), failure


def test_the_table_of_outcomes_has_every_class_of_error() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    said: dict[str, set[str]] = {}
    for names, outcomes, *_ in cells(text, "Exception"):
        for name in re.findall(r"`(\w+)`", names):
            words = {word.strip('"') for word in re.findall(r'"\w+"|None', outcomes)}
            said.setdefault(name, set()).update(words)
    classes = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert {*said} == classes - {"DifyError", "InputProblem"}
    for name, found in said.items():
        assert str(getattr(errors, name).outcome) in found | {"None"}, name
        assert found <= {*get_args(errors.Outcome), "None"}, name


BREAKS: dict[str, Callable[[Faults], object]] = {
    "nothing": lambda _: None,
    "refused": lambda faults: faults.answer(403, on=POST),
    "a lost answer": lambda faults: faults.answer(504, on=POST, runs_anyway=True),
    "a lost request": lambda faults: faults.answer(504, on=POST),
    "a broken connection": lambda faults: faults.break_connection(on=POST, runs_anyway=True),
    "a process that dies": lambda _: None,
}
"""What happens to the first attempt at a job."""

RETURNED = {
    "nothing": ["ended", "ended", "ended"],
    "refused": ["not_run", "ended", "ended"],
    "a lost answer": ["unknown", "ended", "ended"],
    "a lost request": ["unknown", "unknown", "unknown"],
    "a broken connection": ["unknown", "ended", "ended"],
    "a process that dies": ["Died", "ended", "ended"],
}


class Died(Exception):  # noqa: N818  # it is none of ours
    """The process died."""


@pytest.mark.parametrize("name", BREAKS)
def test_the_recipe_for_jobs_runs_each_job_once(name: str, emulator: Emulator) -> None:
    """However often the queue gives a job to its worker."""
    (code,) = [block for block in blocks(ROOT / "docs" / "reliability.md") if "def work" in block]
    recipe: dict[str, Any] = {"__name__": "recipe"}
    exec(code, recipe)  # what the page shows
    job: dict[str, Any] = {"id": name, "inputs": {"name": name}, "sent": False, "run_id": None}

    def save(job: dict[str, Any], **changes: Any) -> None:
        if name == "a process that dies" and "run_id" in changes and not saved:
            saved.append(changes)
            raise Died  # before it has stored the id
        job.update(changes)

    def work() -> str:
        try:
            return str(recipe["work"](client, job, save))
        except Died:
            return "Died"

    saved: list[dict[str, Any]] = []
    BREAKS[name](emulator.faults)
    with hurried(emulator.client("echo", max_retries=0)) as client:
        assert [work() for _ in range(3)] == RETURNED[name]
        own = WorkflowLogsRequest(created_by_end_user_session_id=f"job-{name}")
        assert len(client.logs(own)) == (name != "a lost request")
