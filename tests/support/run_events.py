"""Events of runs for reports, as a server of 1.14 sends them, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dify_workflow import StreamGap, UnknownEvent
from dify_workflow.events import EVENT_CLASSES
from dify_workflow.events.base import StreamEvent
from support.events import RUN, TASK, WORKFLOW
from support.recordings import Recording

Event = StreamEvent[Any]
START = 1_795_344_336
LIVE = {"inputs_truncated": False}
"""A key that live events of nodes have, and replayed ones have not."""


def event(name: str, data: Any = None, **top: Any) -> Event:
    """Any event."""
    raw = {"event": name, "workflow_run_id": RUN, "task_id": TASK, **top}
    if data is not None:
        raw["data"] = data
    return EVENT_CLASSES.get(name, UnknownEvent)(raw)


def started(at: float = 0, **data: Any) -> Event:
    ids = {"id": RUN, "workflow_id": WORKFLOW, "inputs": {"topic": "boxes"}, "reason": "initial"}
    return event("workflow_started", {**ids, "created_at": START + int(at), **data})


def finished(at: float = 1, status: str = "succeeded", **data: Any) -> Event:
    times = {"created_at": START, "finished_at": START + int(at), "elapsed_time": float(at)}
    costs = {"total_tokens": 7, "total_steps": 2}
    whole = {"id": RUN, "workflow_id": WORKFLOW, "status": status, "error": None}
    return event("workflow_finished", {**whole, "outputs": {"n": 1}, **times, **costs, **data})


def begins(node: str, at: float = 0, run: str = "1", **data: Any) -> Event:
    ids = {"id": f"{node}-{run}", "node_id": node, "node_type": "code", "title": node.capitalize()}
    return event("node_started", {**ids, "created_at": START + int(at), **LIVE, **data})


def ends(node: str, at: float = 0, seconds: float = 0.1, run: str = "1", **data: Any) -> Event:
    ids = {"id": f"{node}-{run}", "node_id": node, "node_type": "code", "title": node.capitalize()}
    times = {"created_at": START, "finished_at": START + int(at), "elapsed_time": seconds}
    return event("node_finished", {**ids, **times, "status": "succeeded", **LIVE, **data})


def iteration(name: str, node: str = "each", **data: Any) -> Event:
    """An event of an iteration, such as ``"next"``."""
    ids = {"id": node, "node_id": node, "node_type": "iteration", "title": node.capitalize()}
    return event(f"iteration_{name}", {**ids, "created_at": START, **LIVE, **data})


def inside(node: str, index: int, **data: Any) -> tuple[Event, Event]:
    """A node in an iteration, which tells only at its end in which round it is."""
    place = {"iteration_id": "each", **data}
    meta = {"execution_metadata": {"iteration_id": "each", "iteration_index": index}}
    run = f"{index}"
    return begins(node, run=run, **place), ends(node, run=run, **place, **meta)


def gap(reason: str = "the connection broke") -> Event:
    return StreamGap.after(reason, RUN, TASK)


def of_recording(played: Recording) -> list[Event]:
    return [EVENT_CLASSES.get(raw["event"], UnknownEvent)(raw) for raw in played.events]


def of_many(count: int) -> Iterator[Event]:
    """A run of so many events, none of which stands in an iteration."""
    yield started()
    for index in range((count - 2) // 2):
        at = index / 10
        values = {"inputs": {"x": index}, "outputs": {"text": f"Value {index}. " * 5}}
        costs = {"total_tokens": 5, "total_price": "0.0001", "currency": "USD"}
        yield begins(f"n{index}", at)
        yield ends(f"n{index}", at, execution_metadata=costs, **values)
    yield finished(count / 20)


def everywhere(value: Any) -> Iterator[Event]:
    """Each event that there is, with a value in every field that a server fills."""
    ids = {"id": value, "node_id": value, "title": value, "node_title": value}
    words = ("error", "text", "label", "status", "form_content", "reasoning", "message", "url")
    words += ("rendered_content", "action_id", "action_text", "parent_id", "workflow_id", "type")
    words += ("parallel_start_node_id", "form_id", "event_id", "reason", "node_execution_id")
    objects = ("inputs", "outputs", "process_data", "data", "submitted_data", "files", "metadata")
    data: dict[str, Any] = {**ids, **dict.fromkeys(words, value), "created_at": START}
    data |= {name: {value: value, "list": [value]} for name in objects}
    cost = {"total_tokens": 3, "total_price": "0.1", "currency": value}
    data |= {"execution_metadata": cost, "from_variable_selector": [value, value], **LIVE}
    data |= {"actions": [{"id": value, "title": value}], "elapsed_time": 0.1}
    data |= {"pre_iteration_output": {value: value}, "pre_loop_output": [value], "index": 0}
    top = {"workflow_run_id": value, "task_id": f"{value}!", "message": value, "url": value}
    for kind in ("iteration", "loop"):
        for name in ("started", "next", "completed"):
            node = {"node_id": f"{kind} {value}", "id": f"{kind} {value}", "node_type": kind}
            lengths = {"metadata": {f"{kind}_length": 2}}
            yield event(f"{kind}_{name}", {**data, **node, **lengths}, **top)
            within = {f"{kind}_id": f"{kind} {value}", "id": f"{kind} {name} {value}"}
            yield event("node_started", {**data, **within, "node_type": value}, **top)
    final = {"workflow_finished", "workflow_paused", "error"}
    for name in sorted(EVENT_CLASSES, key=lambda name: name in final):
        yield event(name, {**data, "node_type": value}, **top)
        if name == "human_input_required":
            yield event(name, {**data, "form_id": "open", "node_id": "other"}, **top)
    yield event(value, data, **top)
    yield StreamGap.after(value, value, value)
