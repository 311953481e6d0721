from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="NodeStartedData")


@_attrs_define
class NodeStartedData:
    """The node that started."""

    id: str
    """ Id of this execution of the node. """
    node_id: str
    """ Id of the node in the workflow. """
    node_type: str
    """ Kind of the node, such as `start`, `llm`, `code`, `http-request`, `end`. """
    title: str
    """ Title of the node. """
    index: int
    """ Position of the node in the run; from 1.9.0 always 1 in live events. """
    predecessor_node_id: None | str
    """ Id of the node before; null from 1.9.0 on. """
    inputs: Any
    """ JSON object of the node's inputs; always null so far. """
    inputs_truncated: bool | None
    """ Whether `inputs` was cut. """
    created_at: int
    """ Start of the node (Unix seconds). """
    extras: Any
    """ JSON object of what belongs to the kind of node, such as the icon of a tool. """
    parallel_id: None | str
    """ Id of the parallel section. """
    parallel_start_node_id: None | str
    """ Id of the branch's first node. """
    parent_parallel_id: None | str
    """ Id of the parallel section around. """
    parent_parallel_start_node_id: None | str
    """ Id of the first node of the branch around. """
    iteration_id: None | str
    """ Id of the iteration node around. """
    loop_id: None | str
    """ Id of the loop node around. """
    parallel_run_id: None | str
    """ Id of the round of a parallel iteration. """
    agent_strategy: Any
    """ Strategy of an agent node, a JSON object; null for other nodes. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        node_id = self.node_id

        node_type = self.node_type

        title = self.title

        index = self.index

        predecessor_node_id: None | str
        predecessor_node_id = self.predecessor_node_id

        inputs = self.inputs

        inputs_truncated: bool | None
        inputs_truncated = self.inputs_truncated

        created_at = self.created_at

        extras = self.extras

        parallel_id: None | str
        parallel_id = self.parallel_id

        parallel_start_node_id: None | str
        parallel_start_node_id = self.parallel_start_node_id

        parent_parallel_id: None | str
        parent_parallel_id = self.parent_parallel_id

        parent_parallel_start_node_id: None | str
        parent_parallel_start_node_id = self.parent_parallel_start_node_id

        iteration_id: None | str
        iteration_id = self.iteration_id

        loop_id: None | str
        loop_id = self.loop_id

        parallel_run_id: None | str
        parallel_run_id = self.parallel_run_id

        agent_strategy = self.agent_strategy

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "node_id": node_id,
                "node_type": node_type,
                "title": title,
                "index": index,
                "predecessor_node_id": predecessor_node_id,
                "inputs": inputs,
                "inputs_truncated": inputs_truncated,
                "created_at": created_at,
                "extras": extras,
                "parallel_id": parallel_id,
                "parallel_start_node_id": parallel_start_node_id,
                "parent_parallel_id": parent_parallel_id,
                "parent_parallel_start_node_id": parent_parallel_start_node_id,
                "iteration_id": iteration_id,
                "loop_id": loop_id,
                "parallel_run_id": parallel_run_id,
                "agent_strategy": agent_strategy,
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

        index = d.pop("index", None)

        predecessor_node_id = d.pop("predecessor_node_id", None)

        inputs = d.pop("inputs", None)

        inputs_truncated = d.pop("inputs_truncated", None)

        created_at = d.pop("created_at", None)

        extras = d.pop("extras", None)

        parallel_id = d.pop("parallel_id", None)

        parallel_start_node_id = d.pop("parallel_start_node_id", None)

        parent_parallel_id = d.pop("parent_parallel_id", None)

        parent_parallel_start_node_id = d.pop("parent_parallel_start_node_id", None)

        iteration_id = d.pop("iteration_id", None)

        loop_id = d.pop("loop_id", None)

        parallel_run_id = d.pop("parallel_run_id", None)

        agent_strategy = d.pop("agent_strategy", None)

        node_started_data = cls(
            id=id,
            node_id=node_id,
            node_type=node_type,
            title=title,
            index=index,
            predecessor_node_id=predecessor_node_id,
            inputs=inputs,
            inputs_truncated=inputs_truncated,
            created_at=created_at,
            extras=extras,
            parallel_id=parallel_id,
            parallel_start_node_id=parallel_start_node_id,
            parent_parallel_id=parent_parallel_id,
            parent_parallel_start_node_id=parent_parallel_start_node_id,
            iteration_id=iteration_id,
            loop_id=loop_id,
            parallel_run_id=parallel_run_id,
            agent_strategy=agent_strategy,
        )

        node_started_data.additional_properties = d
        return node_started_data

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
