from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="LoopNextData")


@_attrs_define
class LoopNextData:
    """The round."""

    id: str
    """ Id of the loop node. """
    node_id: str
    """ Id of the loop node. """
    node_type: str
    """ `loop`. """
    title: str
    """ Title of the node. """
    index: int
    """ Number of the round, from 0. """
    created_at: int
    """ Start of the loop (Unix seconds). """
    pre_loop_output: Any
    """ JSON object of the loop's variables after the round before, or null. """
    extras: Any
    """ JSON object; empty so far. """
    parallel_id: None | str
    """ Id of the parallel section. """
    parallel_start_node_id: None | str
    """ Id of the branch's first node. """
    parallel_mode_run_id: None | str
    """ Id of the round. """
    duration: float | None
    """ Duration of the round before in seconds. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        node_id = self.node_id

        node_type = self.node_type

        title = self.title

        index = self.index

        created_at = self.created_at

        pre_loop_output = self.pre_loop_output

        extras = self.extras

        parallel_id: None | str
        parallel_id = self.parallel_id

        parallel_start_node_id: None | str
        parallel_start_node_id = self.parallel_start_node_id

        parallel_mode_run_id: None | str
        parallel_mode_run_id = self.parallel_mode_run_id

        duration: float | None
        duration = self.duration

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "node_id": node_id,
                "node_type": node_type,
                "title": title,
                "index": index,
                "created_at": created_at,
                "pre_loop_output": pre_loop_output,
                "extras": extras,
                "parallel_id": parallel_id,
                "parallel_start_node_id": parallel_start_node_id,
                "parallel_mode_run_id": parallel_mode_run_id,
                "duration": duration,
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

        created_at = d.pop("created_at", None)

        pre_loop_output = d.pop("pre_loop_output", None)

        extras = d.pop("extras", None)

        parallel_id = d.pop("parallel_id", None)

        parallel_start_node_id = d.pop("parallel_start_node_id", None)

        parallel_mode_run_id = d.pop("parallel_mode_run_id", None)

        duration = d.pop("duration", None)

        loop_next_data = cls(
            id=id,
            node_id=node_id,
            node_type=node_type,
            title=title,
            index=index,
            created_at=created_at,
            pre_loop_output=pre_loop_output,
            extras=extras,
            parallel_id=parallel_id,
            parallel_start_node_id=parallel_start_node_id,
            parallel_mode_run_id=parallel_mode_run_id,
            duration=duration,
        )

        loop_next_data.additional_properties = d
        return loop_next_data

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
