"""What a run's events say, with the keys of the server's version (DIFY.md section 10)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import attrs

from .._json import JSON, JSONObject, is_list, is_object
from .dialect import Dialect
from .forms import Form
from .store import RunRecord
from .workflows import BeginNode, EndNode, FormAnswer, RetryNode

_NO_PARALLEL: JSONObject = {
    "parallel_id": None,
    "parallel_start_node_id": None,
    "parent_parallel_id": None,
    "parent_parallel_start_node_id": None,
}


@attrs.frozen
class Scope:
    """Where in a workflow a node stands.

    Args:
        iteration: Node id of the iteration around it, and the item's index.
        loop: Node id of the loop around it, and the round's index.
        parallel_id: Id (UUID) of the parallel part around it.
        branch: Node id with which its branch begins.
        parallel_run: Id (hex) of the item's run in a parallel iteration.
        within: Id of the execution of the iteration or loop right around it, and the round's index.
    """

    iteration: tuple[str, int] | None = None
    loop: tuple[str, int] | None = None
    parallel_id: str | None = None
    branch: str | None = None
    parallel_run: str | None = None
    within: tuple[str, int] | None = None

    @property
    def first_node(self) -> str | None:
        """Id of the hidden node with which each round of an iteration or loop begins."""
        around = self.iteration or self.loop
        return f"{around[0]}start" if around else None

    def metadata(self) -> JSONObject:
        """What ``execution_metadata`` says of it."""
        found: JSONObject = {}
        if self.iteration:
            found |= {"iteration_id": self.iteration[0], "iteration_index": self.iteration[1]}
        if self.loop:
            found |= {"loop_id": self.loop[0], "loop_index": self.loop[1]}
        if self.parallel_id:
            found |= {"parallel_id": self.parallel_id, "parallel_start_node_id": self.branch}
        if self.parallel_run:
            found["parallel_mode_run_id"] = self.parallel_run
        return found


@attrs.define
class NodeRun:
    """A node that runs or has run.

    Args:
        node: The node.
        scope: Where it stands.
        position: Its number among the nodes of the run, from 1.
        before: Id of the node before it.
        began: When it began (Unix seconds).
        id: Id (UUID) of this execution.
        status: How it is.
        error: Error text.
        ended: When it ended.
        outputs: What it gave.
        retries: When each attempt failed behind which it was tried again (Unix seconds), and its
            error text.
    """

    node: BeginNode
    scope: Scope
    position: int
    before: str | None
    began: float
    id: str = attrs.field(factory=lambda: str(uuid4()))
    status: str = "running"
    error: str | None = None
    ended: float | None = None
    outputs: JSONObject | None = None
    retries: list[tuple[float, str]] = attrs.field(factory=list[tuple[float, str]])


class Payloads:
    """Writes the payloads of a run's events.

    Args:
        dialect: The server's version.
        run: The run.
        now: Tells the server's time.
    """

    def __init__(self, dialect: Dialect, run: RunRecord, now: Callable[[], float]) -> None:
        self._dialect = dialect
        self._run = run
        self._now = now

    # ------------------------------------------------------------------------------- the run

    def started(self, reason: str) -> JSONObject:
        """``workflow_started``; times count from the last start."""
        run = self._run
        data: JSONObject = {"id": run.id, "workflow_id": run.workflow_id}
        if not self._dialect.since(1, 7):
            data["sequence_number"] = run.number
        data |= {"inputs": run.inputs, "created_at": int(run.leg)}
        if self._dialect.since(1, 13):
            data["reason"] = reason
        return data

    def finished(self, status: str, error: str | None) -> JSONObject:
        """``workflow_finished``."""
        run, now = self._run, self._now()
        went_wrong = status in {"failed", "stopped"}
        outputs = run.outputs if not went_wrong else self._no_outputs
        data: JSONObject = {"id": run.id, "workflow_id": run.workflow_id}
        if not self._dialect.since(1, 7):
            data["sequence_number"] = run.number
        return data | {
            "status": status,
            "outputs": outputs,
            "error": error if error is not None else self._dialect.no_error,
            "elapsed_time": round(now - run.leg, 6),
            "total_tokens": run.tokens,
            "total_steps": run.steps,
            "created_by": {"id": run.user_id, "user": run.user},
            "created_at": int(run.created),
            "finished_at": int(now),
            "exceptions_count": run.exceptions if status != "stopped" else 0,
            "files": files_among(outputs),
        }

    @property
    def _no_outputs(self) -> JSONObject | None:
        return {} if self._dialect.since(1, 7) else None

    def paused(self, forms: list[Form]) -> JSONObject:
        """``workflow_paused``."""
        run = self._run
        return {
            "workflow_run_id": run.id,
            "paused_nodes": [form.node_id for form in forms],
            "outputs": {},
            "reasons": [self.reason(form) for form in forms],
            "status": "paused",
            "created_at": int(run.created),
            "elapsed_time": round(self._now() - run.leg, 6),
            "total_tokens": run.tokens,
            "total_steps": run.steps,
        }

    # ------------------------------------------------------------------------------ the nodes

    def node_started(self, node: NodeRun) -> JSONObject:
        """``node_started``."""
        data = self._node(node)
        data |= {"inputs": None, "created_at": int(node.began), "extras": {}}
        data["agent_strategy"] = None
        if not self._dialect.has_old_engine:
            data["inputs_truncated"] = False
        if self._dialect.has_old_engine:
            data["parallel_run_id"] = node.scope.parallel_run
        return _in_order(data)

    def node_ended(self, node: NodeRun, step: EndNode) -> JSONObject:
        """``node_finished``, and ``node_retry`` but for its index."""
        metadata = {**(step.metadata or {}), **node.scope.metadata()}
        if node.scope.parallel_run and not self._dialect.since(1, 7):
            del metadata["iteration_index"]
        began, now = node.began, self._now()
        error = step.error
        if step.status == "exception" and not self._dialect.has_old_engine:
            error = "Unknown error"
        data = self._node(node) | {
            "inputs": self._value("inputs", node.node.inputs),
            "process_data": self._value("process_data", step.process_data),
            "outputs": self._value("outputs", step.outputs),
            "status": step.status,
            "error": error,
            "elapsed_time": round(now - began, 6),
            "execution_metadata": metadata or self._no_metadata,
            "created_at": int(began),
            "finished_at": int(now),
            "files": files_among(step.outputs),
        }
        if not self._dialect.has_old_engine:
            kinds = ("inputs", "process_data", "outputs")
            data |= {f"{kind}_truncated": False for kind in kinds}
        return _in_order(data)

    def node_retry(self, node: NodeRun, step: RetryNode) -> JSONObject:
        """``node_retry``."""
        ended = EndNode(step.id, step.outputs, "retry", step.error, None, step.process_data)
        data = self.node_ended(node, ended)
        if self._dialect.has_old_engine:
            nothing = {"inputs": None, "process_data": None, "outputs": None}
            ids = {"iteration_id": None, "parallel_mode_run_id": None, "loop_id": None}
            data |= {**nothing, "execution_metadata": ids}
        return data | {"retry_index": len(node.retries)}

    @property
    def _no_metadata(self) -> JSONObject | None:
        return {} if self._dialect.no_error == "" else None  # in the same versions

    def _value(self, kind: str, value: JSONObject) -> JSONObject | None:
        may_be_null = self._dialect.has_old_engine and (
            kind != "outputs" or not self._dialect.since(1, 7)
        )
        return None if may_be_null and not value else value

    def _node(self, node: NodeRun) -> JSONObject:
        numbered = self._dialect.has_old_engine
        data: JSONObject = {
            "id": node.id,
            "node_id": node.node.id,
            "node_type": node.node.type,
            "title": node.node.title or node.node.id,
            "index": node.position if numbered else 1,
            "predecessor_node_id": node.before if numbered else None,
        }
        if self._dialect.has_old_engine:
            ids = {"parallel_id": node.scope.parallel_id}
            data |= {**_NO_PARALLEL, **ids, "parallel_start_node_id": node.scope.branch}
        iteration, loop = node.scope.iteration, node.scope.loop
        data["iteration_id"] = iteration[0] if iteration else None
        data["loop_id"] = loop[0] if loop else None
        return data

    def branch(self, scope: Scope, error: str | None = None, *, ended: bool) -> JSONObject:
        """``parallel_branch_started`` and ``parallel_branch_finished``."""
        data: JSONObject = {
            "parallel_id": scope.parallel_id,
            "parallel_branch_id": scope.branch,
            "parent_parallel_id": None,
            "parent_parallel_start_node_id": None,
            "iteration_id": scope.iteration[0] if scope.iteration else None,
            "loop_id": scope.loop[0] if scope.loop else None,
            "created_at": int(self._now()),
        }
        if ended:
            data |= {"status": "failed" if error else "succeeded", "error": error}
        return data

    # ------------------------------------------------------------------------------ the forms

    def form_required(self, form: Form) -> JSONObject:
        """``human_input_required``."""
        return self._form(form) | {"display_in_ui": True}

    def reason(self, form: Form) -> JSONObject:
        """A reason of ``workflow_paused``."""
        data = {"TYPE": "human_input_required", **self._form(form)}
        if not self._dialect.since(1, 14):
            del data["expiration_time"]
            data["display_in_ui"] = True
        return data

    def _form(self, form: Form) -> JSONObject:
        data = form.to_wire()
        if self._dialect.since(1, 15):
            data["approval_channels"] = ["console"]
        return data

    def form_filled(self, form: Form, answer: FormAnswer) -> JSONObject:
        """``human_input_form_filled``."""
        return {
            "node_id": form.node_id,
            "node_title": form.node_title,
            "rendered_content": form.rendered(answer),
            "action_id": answer.action,
            "action_text": form.action_title(answer.action),
        }

    def form_timeout(self, form: Form) -> JSONObject:
        """``human_input_form_timeout``."""
        return {
            "node_id": form.node_id,
            "node_title": form.node_title,
            "expiration_time": int(form.expires),
        }


_ORDER = (
    "id",
    "node_id",
    "node_type",
    "title",
    "index",
    "predecessor_node_id",
    "inputs",
    "inputs_truncated",
    "process_data",
    "process_data_truncated",
    "outputs",
    "outputs_truncated",
    "status",
    "error",
    "elapsed_time",
    "execution_metadata",
    "created_at",
    "finished_at",
    "files",
    "extras",
    "parallel_id",
    "parallel_start_node_id",
    "parent_parallel_id",
    "parent_parallel_start_node_id",
    "iteration_id",
    "loop_id",
    "parallel_run_id",
    "agent_strategy",
)
"""The keys of a node's events, as servers order them."""


def _in_order(data: JSONObject) -> JSONObject:
    return {key: data[key] for key in _ORDER if key in data}


def files_among(value: JSON) -> list[JSON]:
    """The files in some outputs, however deep."""
    if is_object(value):
        if value.get("dify_model_identity"):
            return [value]
        return [file for item in value.values() for file in files_among(item)]
    if is_list(value):
        return [file for item in value for file in files_among(item)]
    return []
