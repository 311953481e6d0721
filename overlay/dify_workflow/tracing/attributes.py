"""Attributes of spans and metrics: which there are, and where they come from. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from .._json import JSON, encode
from .._run_state import RunState
from ..errors import APIStatusError
from ..models import WorkflowRunResponse
from ..timeline.facts import Facts
from ..timeline.model import Execution, Timeline

Attribute: TypeAlias = str | bool | int | float
Attributes: TypeAlias = dict[str, Attribute]

FAILED = {"failed": "WorkflowFailedError", "exception": "NodeFailedError"}
"""The type of the error, by status of what failed."""


def present(values: Mapping[str, Attribute | None]) -> Attributes:
    """The attributes of which something is known."""
    return {name: value for name, value in values.items() if value is not None}


def as_json(value: JSON) -> str | None:
    """A value as an attribute; None where there is none."""
    if value is None:
        return None
    try:
        return encode(value).decode()
    except ValueError:  # NaN, or half a surrogate pair: servers up to 1.7 send them
        return json.dumps(value)


def of_ids(run: RunState) -> Attributes:
    """The ids of a run, as far as they are known."""
    return present({"dify.run.id": run.run_id, "dify.task.id": run.task_id})


def of_run(run: WorkflowRunResponse, *, content: bool) -> Attributes:
    """How a run ended.

    Args:
        run: The run.
        content: Whether its outputs are shown.
    """
    return present(
        {
            "dify.run.id": run.id,
            "dify.task.id": run.task_id,
            "dify.workflow.id": run.workflow_id,
            "dify.run.status": str(run.status),
            "dify.run.elapsed_time": run.elapsed_time,
            "dify.run.total_tokens": run.total_tokens,
            "dify.run.total_steps": run.total_steps,
            "dify.run.exceptions_count": run.exceptions_count,
            "dify.run.outputs": as_json(run.outputs) if content else None,
            "error.type": FAILED.get(str(run.status)),
        }
    )


def of_failure(failure: BaseException) -> Attributes:
    """What kind of error there was; what it says may quote inputs.

    Args:
        failure: The exception.
    """
    known: dict[str, Attribute | None] = {"error.type": type(failure).__name__}
    if isinstance(failure, APIStatusError):
        known["http.response.status_code"] = failure.status_code
        known["dify.error.code"] = failure.code
    return present(known)


def of_exception(failure: BaseException, *, content: bool) -> Attributes:
    """The event for an exception, by the conventions.

    Args:
        failure: The exception.
        content: Whether it shows what the exception says.
    """
    kind = type(failure)
    return present(
        {
            "exception.type": f"{kind.__module__}.{kind.__qualname__}",
            "exception.message": str(failure) if content else None,
        }
    )


def of_node(node: Execution, *, content: bool) -> Attributes:
    """What is told of a node.

    Args:
        node: The node.
        content: Whether its inputs and outputs are shown.
    """
    index = None if node.around is None else f"dify.{node.around.kind}.index"
    known: dict[str, Attribute | None] = {
        "dify.node.id": node.node_id,
        "dify.node.execution_id": node.id,
        "dify.node.type": node.kind or None,
        "dify.node.title": node.title,
        "dify.node.status": node.status,
        "dify.node.elapsed_time": node.elapsed,
        "dify.node.parallel_branch": node.branch,
        "dify.node.total_tokens": node.tokens or None,
        "dify.node.total_price": None if node.price is None else str(node.price),
        "dify.node.currency": node.currency or None,
        "error.type": FAILED["exception"] if node.status in FAILED else None,
    }
    if index is not None:
        known[index] = node.round
    if content:
        known["dify.node.inputs"] = as_json(node.values.get("Inputs"))
        known["dify.node.outputs"] = as_json(node.values.get("Outputs"))
    return present(known) | _of_model(node)


def _of_model(node: Execution) -> Attributes:
    """Which model a node called, where it tells."""
    process = _process(node)
    asked, answered = _usage(node) or (None, None)
    return present(
        {
            "gen_ai.request.model": process.text("model_name"),
            "dify.model.provider": process.text("model_provider"),
            "gen_ai.usage.input_tokens": asked,
            "gen_ai.usage.output_tokens": answered,
        }
    )


def of_usage(timeline: Timeline) -> Attributes:
    """Tokens that went in and came out, where the nodes tell of all that the run used.

    Args:
        timeline: The run.
    """
    told = [usage for node in _each(timeline.executions) if (usage := _usage(node))]
    asked, answered = sum(each[0] for each in told), sum(each[1] for each in told)
    if not told or asked + answered != timeline.tokens:
        return {}
    return {"gen_ai.usage.input_tokens": asked, "gen_ai.usage.output_tokens": answered}


def _each(nodes: list[Execution]) -> list[Execution]:
    return [each for node in nodes for each in (node, *_each(node.inside))]


def _process(node: Execution) -> Facts:
    return Facts(node.values.get("Process data"))


def _usage(node: Execution) -> tuple[int, int] | None:
    usage = _process(node).inside("usage")
    asked, answered = usage.count("prompt_tokens"), usage.count("completion_tokens")
    return None if asked is None or answered is None else (asked, answered)
