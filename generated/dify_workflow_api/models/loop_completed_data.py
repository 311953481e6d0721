from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.node_status import NodeStatus, check_node_status

T = TypeVar("T", bound="LoopCompletedData")


@_attrs_define
class LoopCompletedData:
    """The result of the loop."""

    id: str
    """ Id of the loop node. """
    node_id: str
    """ Id of the loop node. """
    node_type: str
    """ `loop`. """
    title: str
    """ Title of the node. """
    outputs: Any
    """ JSON object of the loop's variables and `loop_round`, or null. """
    outputs_truncated: bool | None
    """ Whether `outputs` was cut. """
    created_at: int
    """ Start (Unix seconds). """
    extras: Any
    """ JSON object; empty so far. """
    inputs: Any
    """ JSON object of the loop's variables at the start, or null. """
    inputs_truncated: bool | None
    """ Whether `inputs` was cut. """
    status: NodeStatus
    """ Status of a node; `exception` means a failure that the workflow handled. """
    error: None | str
    """ Error text; null where there was none. """
    elapsed_time: float
    """ Duration in seconds. """
    total_tokens: int
    """ Tokens that model calls inside used. """
    execution_metadata: Any
    """ JSON object: why the loop ended and, by index of the round, durations in seconds. """
    finished_at: int | None
    """ End (Unix seconds). """
    steps: int
    """ Most rounds. """
    parallel_id: None | str
    """ Id of the parallel section. """
    parallel_start_node_id: None | str
    """ Id of the branch's first node. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        node_id = self.node_id

        node_type = self.node_type

        title = self.title

        outputs = self.outputs

        outputs_truncated: bool | None
        outputs_truncated = self.outputs_truncated

        created_at = self.created_at

        extras = self.extras

        inputs = self.inputs

        inputs_truncated: bool | None
        inputs_truncated = self.inputs_truncated

        status: str = self.status

        error: None | str
        error = self.error

        elapsed_time = self.elapsed_time

        total_tokens = self.total_tokens

        execution_metadata = self.execution_metadata

        finished_at: int | None
        finished_at = self.finished_at

        steps = self.steps

        parallel_id: None | str
        parallel_id = self.parallel_id

        parallel_start_node_id: None | str
        parallel_start_node_id = self.parallel_start_node_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "node_id": node_id,
                "node_type": node_type,
                "title": title,
                "outputs": outputs,
                "outputs_truncated": outputs_truncated,
                "created_at": created_at,
                "extras": extras,
                "inputs": inputs,
                "inputs_truncated": inputs_truncated,
                "status": status,
                "error": error,
                "elapsed_time": elapsed_time,
                "total_tokens": total_tokens,
                "execution_metadata": execution_metadata,
                "finished_at": finished_at,
                "steps": steps,
                "parallel_id": parallel_id,
                "parallel_start_node_id": parallel_start_node_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        node_id = d.pop("node_id", None)

        node_type = d.pop("node_type", None)

        title = d.pop("title", None)

        outputs = d.pop("outputs", None)

        outputs_truncated = d.pop("outputs_truncated", None)

        created_at = d.pop("created_at", None)

        extras = d.pop("extras", None)

        inputs = d.pop("inputs", None)

        inputs_truncated = d.pop("inputs_truncated", None)

        status = check_node_status(d.pop("status", None))

        error = d.pop("error", None)

        elapsed_time = d.pop("elapsed_time", None)

        total_tokens = d.pop("total_tokens", None)

        execution_metadata = d.pop("execution_metadata", None)

        finished_at = d.pop("finished_at", None)

        steps = d.pop("steps", None)

        parallel_id = d.pop("parallel_id", None)

        parallel_start_node_id = d.pop("parallel_start_node_id", None)

        loop_completed_data = cls(
            id=id,
            node_id=node_id,
            node_type=node_type,
            title=title,
            outputs=outputs,
            outputs_truncated=outputs_truncated,
            created_at=created_at,
            extras=extras,
            inputs=inputs,
            inputs_truncated=inputs_truncated,
            status=status,
            error=error,
            elapsed_time=elapsed_time,
            total_tokens=total_tokens,
            execution_metadata=execution_metadata,
            finished_at=finished_at,
            steps=steps,
            parallel_id=parallel_id,
            parallel_start_node_id=parallel_start_node_id,
        )

        loop_completed_data.additional_properties = d
        return loop_completed_data

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
