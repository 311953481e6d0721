"""The payloads of a run's events, with the keys of the server's version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import attrs

from .._json import JSON, JSONObject, is_list, is_object

if TYPE_CHECKING:
    from .dialect import Dialect
    from .forms import Form
    from .store import RunRecord
    from .workflows import BeginNode, EndNode, FormAnswer, RetryNode


@attrs.frozen
class Scope:
    """The place of a node in a workflow."""

    iteration: tuple[str, int] | None = None
    """Node id of the iteration around it, and the item's index."""
    loop: tuple[str, int] | None = None
    """Node id of the loop around it, and the round's index."""
    parallel_id: str | None = None
    branch: str | None = None
    """Id of the first node of its parallel branch."""
    parallel_run: str | None = None
    """Id (hex) of the item's run in a parallel iteration, up to 1.8."""
    within: tuple[str, int] | None = None
    """Id of the innermost execution around it, and the round's index."""

    @property
    def first_node(self) -> str | None:
        """Id of the hidden node at the start of each round of an iteration or loop."""
        around = self.iteration or self.loop
        return f"{around[0]}start" if around else None

    def ids(self) -> JSONObject:
        """Ids of the iteration and the loop around it."""
        return {
            "iteration_id": self.iteration[0] if self.iteration else None,
            "loop_id": self.loop[0] if self.loop else None,
        }

    def metadata(self) -> JSONObject:
        """What ``execution_metadata`` contains."""
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
    """A running or ended node; times are Unix seconds."""

    node: BeginNode
    scope: Scope
    position: int
    """Its number among the nodes of the run, from 1."""
    index: int
    """Its number since the run began or, after a pause, continued."""
    before: str | None
    """Id of the node before it."""
    began: float
    id: str = attrs.field(factory=lambda: str(uuid4()))
    status: str = "running"
    error: str | None = None
    ended: float | None = None
    outputs: JSONObject | None = None
    retries: list[tuple[float, str]] = attrs.field(factory=list[tuple[float, str]])
    """When each attempt failed that was followed by another, and its error text."""

    def to_json(self) -> JSONObject:
        """Return what is stored of it, to replay the state of a run, and for the page."""
        parent, index = self.scope.within or (None, None)
        return {
            "id": self.id,
            "node_id": self.node.id,
            "node_type": self.node.type,
            "title": self.node.title or self.node.id,
            "position": self.position,
            "index": self.index,
            "status": self.status,
            "error": self.error,
            "began": self.began,
            "ended": self.ended,
            "inputs": self.node.inputs,
            "outputs": self.outputs,
            "retries": self.retries,
            "parent": parent,
            "round": index,
        }


@attrs.define
class Rounds:
    """An iteration or a loop, with the results of its rounds and the seconds that each took."""

    node: NodeRun
    length: int
    """Its items, or the largest number of rounds."""
    inputs: JSONObject
    results: list[JSON] = attrs.field(factory=list[JSON])
    durations: list[float] = attrs.field(factory=list[float])
    variables: list[JSONObject] = attrs.field(factory=list[JSONObject])
    failed: set[int] = attrs.field(factory=set[int])
    left: bool = False
    """Whether a loop ended before its last round."""

    @property
    def is_loop(self) -> bool:
        """Whether it is a loop; otherwise it is an iteration."""
        return self.node.node.type == "loop"


class Payloads:
    """Makes the payloads of a run's events."""

    def __init__(self, dialect: Dialect, run: RunRecord, now: Callable[[], float]) -> None:
        self._dialect = dialect
        self._run = run
        self._now = now

    # ------------------------------------------------------------------------------- the run

    def started(self, reason: str) -> JSONObject:
        """Return ``workflow_started``. Times count from the last start."""
        data = self._ids() | {"inputs": self._run.inputs, "created_at": int(self._run.leg)}
        return data | ({"reason": reason} if self._dialect.since(1, 13) else {})

    def finished(self, status: str, error: str | None) -> JSONObject:
        """``workflow_finished``."""
        run, now = self._run, self._now()
        outputs: JSONObject | None = run.outputs
        if status in {"failed", "stopped"}:
            outputs = {} if self._dialect.since(1, 7) else None
        return self._ids() | {
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

    def _ids(self) -> JSONObject:
        number = {} if self._dialect.since(1, 7) else {"sequence_number": self._run.number}
        return {"id": self._run.id, "workflow_id": self._run.workflow_id, **number}

    def paused(self, forms: list[Form]) -> JSONObject:
        """``workflow_paused``."""
        run = self._run
        return {
            "workflow_run_id": run.id,
            "paused_nodes": [form.node_id for form in forms],
            "outputs": {},
            "reasons": [self._reason(form) for form in forms],
            "status": "paused",
            "created_at": int(run.created),
            "elapsed_time": round(self._now() - run.leg, 6),
            "total_tokens": run.tokens,
            "total_steps": run.steps,
        }

    # ------------------------------------------------------------------------------ the nodes

    def node_started(self, node: NodeRun) -> JSONObject:
        """``node_started``."""
        is_old = self._dialect.has_old_engine
        data = self._node(node) | {"inputs": None}
        if not is_old:
            data["inputs_truncated"] = False
        data |= {"created_at": int(node.began), "extras": {}, **self._around(node)}
        if is_old:
            data["parallel_run_id"] = node.scope.parallel_run
        return data | {"agent_strategy": None}

    def node_retry(self, node: NodeRun, step: RetryNode) -> JSONObject:
        """``node_retry``."""
        data = self.node_ended(node, step, "retry")
        if self._dialect.has_old_engine:
            data |= dict.fromkeys(("inputs", "process_data", "outputs"))
            ids = ("iteration_id", "parallel_mode_run_id", "loop_id")
            data["execution_metadata"] = dict.fromkeys(ids)
        return data | {"retry_index": len(node.retries)}

    def node_ended(
        self,
        node: NodeRun,
        step: EndNode | RetryNode,
        status: str,
        costs: JSONObject | None = None,
    ) -> JSONObject:
        """``node_finished``."""
        dialect, now = self._dialect, self._now()
        metadata = {**(costs or {}), **node.scope.metadata()}
        if node.scope.parallel_run and not dialect.since(1, 7):
            del metadata["iteration_index"]
        hides_error = status == "exception" and not dialect.has_old_engine
        data = self._node(node)
        inputs: JSON = node.node.inputs
        if node.node.type in {"start", "end"} and dialect.has_old_engine and dialect.since(1, 7):
            inputs = _without_links(inputs)
        values = {"inputs": inputs, "process_data": step.process_data}
        for name, value in {**values, "outputs": step.outputs}.items():
            may_be_null = name != "outputs" or not dialect.since(1, 7)
            data[name] = None if dialect.has_old_engine and may_be_null and not value else value
            if not dialect.has_old_engine:
                data[f"{name}_truncated"] = False
        return data | {
            "status": status,
            "error": "Unknown error" if hides_error else step.error,
            "elapsed_time": round(now - node.began, 6),
            # An empty object in versions in which "no error" is an empty text.
            "execution_metadata": metadata or (None if dialect.no_error is None else {}),
            "created_at": int(node.began),
            "finished_at": int(now),
            "files": files_among(step.outputs),
            **self._around(node),
        }

    def _node(self, node: NodeRun) -> JSONObject:
        numbered = self._dialect.has_old_engine
        return {
            "id": node.id,
            "node_id": node.node.id,
            "node_type": node.node.type,
            "title": node.node.title or node.node.id,
            "index": node.position if numbered else 1,
            "predecessor_node_id": node.before if numbered else None,
        }

    def _around(self, node: NodeRun) -> JSONObject:
        """Return the ids of what is around a node."""
        parallel: JSONObject = {}
        if self._dialect.has_old_engine:
            parallel = {
                "parallel_id": node.scope.parallel_id,
                "parallel_start_node_id": node.scope.branch,
                "parent_parallel_id": None,
                "parent_parallel_start_node_id": None,
            }
        return {**parallel, **node.scope.ids()}

    def branch_started(self, scope: Scope) -> JSONObject:
        """``parallel_branch_started``."""
        return {
            "parallel_id": scope.parallel_id,
            "parallel_branch_id": scope.branch,
            "parent_parallel_id": None,
            "parent_parallel_start_node_id": None,
            **scope.ids(),
            "created_at": int(self._now()),
        }

    def branch_finished(self, scope: Scope, error: str | None) -> JSONObject:
        """``parallel_branch_finished``."""
        ended = {"status": "failed" if error else "succeeded", "error": error}
        return self.branch_started(scope) | ended

    # ------------------------------------------------------------------- iterations and loops

    def rounds_started(self, rounds: Rounds) -> JSONObject:
        """Return ``iteration_started`` or ``loop_started``."""
        name = "iterator_length" if self._dialect.has_old_engine else "iteration_length"
        name = "loop_length" if rounds.is_loop else name
        metadata = {"metadata": {name: rounds.length}}
        return {**self._rounds(rounds), **self._rounds_inputs(rounds), **metadata}

    def iteration_next(self, rounds: Rounds, index: int, parallel_run: str | None) -> JSONObject:
        """Return ``iteration_next``. Old servers include the result of the item before."""
        data = self._rounds(rounds) | {"index": index}
        if self._dialect.has_old_engine:
            data["pre_iteration_output"] = rounds.results[index - 1] if index else None
            data["parallel_mode_run_id"] = parallel_run
            data["duration"] = round(rounds.durations[index - 1], 6) if index else None
        return data

    def loop_next(self, rounds: Rounds, index: int, outputs: JSONObject) -> JSONObject:
        """Return ``loop_next``. Old servers include the outputs of the round before."""
        data: JSONObject = {**self._rounds(rounds), "index": index, "pre_loop_output": {}}
        if self._dialect.has_old_engine:
            data |= {"pre_loop_output": outputs, "parallel_mode_run_id": None, "duration": None}
        return data

    def rounds_completed(self, rounds: Rounds, outputs: JSONObject, *, failed: bool) -> JSONObject:
        """Return ``iteration_completed`` or ``loop_completed``."""
        is_old = self._dialect.has_old_engine
        spent = {str(index): round(seconds, 6) for index, seconds in enumerate(rounds.durations)}
        metadata: JSONObject = {"total_tokens": 0}
        if not is_old:
            metadata |= {"total_price": "0.0", "currency": "USD"}
        if rounds.is_loop:
            metadata["completed_reason"] = "loop_break" if rounds.left else "loop_completed"
            metadata["loop_duration_map"] = spent
            metadata["loop_variable_map"] = {
                str(index): variables for index, variables in enumerate(rounds.variables)
            }
        elif not is_old:
            metadata["iteration_duration_map"] = spent
        data = self._rounds(rounds) | {
            **self._rounds_inputs(rounds),
            "outputs": outputs,
            "status": "failed" if failed else "succeeded",
            "error": None,
            "elapsed_time": round(sum(rounds.durations), 6),
            "total_tokens": 0,
            "execution_metadata": metadata,
            "finished_at": int(self._now()),
            "steps": rounds.length,
        }
        return data if is_old else data | {"outputs_truncated": False}

    def _rounds(self, rounds: Rounds) -> JSONObject:
        node = rounds.node.node
        data: JSONObject = {
            "id": node.id,
            "node_id": node.id,
            "node_type": node.type,
            "title": node.title or node.id,
            "created_at": int(self._now()),
            "extras": {},
        }
        if self._dialect.has_old_engine:
            data |= {"parallel_id": None, "parallel_start_node_id": None}
        return data

    def _rounds_inputs(self, rounds: Rounds) -> JSONObject:
        truncated = {} if self._dialect.has_old_engine else {"inputs_truncated": False}
        return {"inputs": rounds.inputs, **truncated}

    # ------------------------------------------------------------------------------ the forms

    def form_required(self, form: Form) -> JSONObject:
        """``human_input_required``."""
        return self._form(form) | {"display_in_ui": True}

    def _reason(self, form: Form) -> JSONObject:
        """Return a reason of ``workflow_paused``."""
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


def _without_links(value: JSON) -> JSON:
    """Return a value in which files have no address."""
    if is_object(value):
        is_file = "dify_model_identity" in value
        kept = (name for name in value if not (is_file and name == "url"))
        return {name: _without_links(value[name]) for name in kept}
    return [_without_links(item) for item in value] if is_list(value) else value


def files_among(value: JSON) -> list[JSON]:
    """Return the files in outputs, at any depth."""
    if is_object(value):
        if value.get("dify_model_identity"):
            return [value]
        return [file for item in value.values() for file in files_among(item)]
    if is_list(value):
        return [file for item in value for file in files_among(item)]
    return []
