"""The nodes that a stream has reported. Pure."""

from __future__ import annotations

from ._event import StreamEvent
from ._json import JSON, JSONObject, is_object
from .events import NodeFinished


class Nodes:
    """Remembers which nodes have started and ended, and the last end of each.

    A node of an iteration or a loop is executed several times.
    """

    def __init__(self) -> None:
        self._executions: dict[str, bool] = {}
        """Whether each execution has ended, by its id."""
        self._ends: dict[str, StreamEvent[object]] = {}
        """The last end of each node, by the node's id."""

    def __bool__(self) -> bool:
        """Whether any was reported."""
        return bool(self._executions)

    def take(self, event: StreamEvent[object], *, is_live: bool = True) -> None:
        """Note what an event says.

        Args:
            event: The start or the end of a node.
            is_live: False where it may be reported once more, with less than before.
        """
        data: JSON = event.raw.get("data")
        if not is_object(data):
            return
        execution, node = data.get("id"), data.get("node_id")
        # Replays tell that a node is paused as if it had ended.
        has_ended = isinstance(event, NodeFinished) and data.get("status") != "paused"
        if isinstance(execution, str):
            self._executions[execution] = has_ended
        if has_ended and isinstance(node, str) and (is_live or self._says_more(event, node)):
            self._ends[node] = event

    def knows(self, execution: JSON) -> bool:
        """Whether an execution was reported."""
        return isinstance(execution, str) and execution in self._executions

    def has_ended(self, execution: JSON) -> bool:
        """Whether the end of an execution was reported."""
        return isinstance(execution, str) and self._executions.get(execution, False)

    def forget_unended(self) -> None:
        """Forget the executions that have not ended: their start is reported once more."""
        self._executions = {key: True for key, ended in self._executions.items() if ended}

    def outputs(self) -> dict[str, JSONObject]:
        """The outputs of the nodes that have ended, by their ids; the last ones of each."""
        return {node: _outputs(event) or {} for node, event in self._ends.items()}

    def _says_more(self, event: StreamEvent[object], node: str) -> bool:
        return node not in self._ends or _outputs(event) is not None


def _outputs(event: StreamEvent[object]) -> JSONObject | None:
    """Outputs of a node, from plain JSON: the model would cost ten times as much."""
    data: JSON = event.raw.get("data")
    outputs: JSON = data.get("outputs") if is_object(data) else None
    return outputs if is_object(outputs) else None
