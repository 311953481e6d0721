"""The nodes that a stream has told of. Pure.

They are many, and large: what is asked of one here is found in its bytes, and the rest of it stays
unread.
"""
# It looks at what events keep to themselves:
# pyright: reportPrivateUsage=false

from __future__ import annotations

import re

from ._event import StreamEvent
from ._json import JSON, JSONObject, is_object
from .events import NodeFinished

_IDS = re.compile(rb'"id": ?"([\w-]+)", ?"node_id": ?"([\w-]+)"').match
"""Finds the ids of the execution and of the node in data that is not decoded."""


class Nodes:
    """Remembers which nodes have started and ended, and the last end of each.

    A node of an iteration or a loop is executed several times.
    """

    def __init__(self) -> None:
        # By their ids in bytes, as they came: hardly any is ever asked for.
        self._executions: dict[bytes, bool] = {}
        """Whether each execution has ended."""
        self._ends: dict[bytes, StreamEvent[object]] = {}
        """The last end of each node."""

    def __bool__(self) -> bool:
        """Whether any was told of."""
        return bool(self._executions)

    def take(self, event: StreamEvent[object], *, is_live: bool = True) -> None:
        """Note what an event says.

        Args:
            event: The start or the end of a node.
            is_live: Whether it cannot be one that is told once more, with less than before.
        """
        raw = event._raw
        found = None if isinstance(raw, dict) else _IDS(raw, event._envelope.size)
        execution, node = _ids_of(event) if found is None else found.groups()
        has_ended = type(event) is NodeFinished
        if execution is not None:
            self._executions[execution] = has_ended
        if has_ended and node is not None and (is_live or self._says_more(event, node)):
            self._ends[node] = event

    def knows(self, execution: JSON) -> bool:
        """Whether an execution was told of."""
        return _key(execution) in self._executions

    def has_ended(self, execution: JSON) -> bool:
        """Whether the end of an execution was told."""
        key = _key(execution)
        return key is not None and self._executions.get(key, False)

    def forget_unended(self) -> None:
        """Forget the executions that have not ended: they are told to start once more."""
        self._executions = {key: True for key, ended in self._executions.items() if ended}

    def outputs(self) -> dict[str, JSONObject]:
        """The outputs of the nodes that have ended, by their ids; the last ones of each.

        Raises:
            StreamDecodeError: An event cannot be read.
        """
        return {_id(key): _outputs(event) or {} for key, event in self._ends.items()}

    def _says_more(self, event: StreamEvent[object], node: bytes) -> bool:
        return node not in self._ends or _outputs(event) is not None


def _ids_of(event: StreamEvent[object]) -> tuple[bytes | None, bytes | None]:
    data: JSON = event.raw.get("data")
    return (_key(data.get("id")), _key(data.get("node_id"))) if is_object(data) else (None, None)


def _key(value: JSON) -> bytes | None:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else None


def _id(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _outputs(event: StreamEvent[object]) -> JSONObject | None:
    """Outputs of a node, from plain JSON: a model would cost ten times as much."""
    data: JSON = event.raw.get("data")
    outputs: JSONObject | None = data.get("outputs") if is_object(data) else None
    return outputs
