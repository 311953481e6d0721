from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="IterationNextData")


@_attrs_define
class IterationNextData:
    """The item."""

    id: str
    """ Id of the iteration node. """
    node_id: str
    """ Id of the iteration node. """
    node_type: str
    """ `iteration`. """
    title: str
    """ Title of the node. """
    index: int
    """ Number of the item, from 0. """
    created_at: int
    """ Start of the iteration (Unix seconds). """
    extras: Any
    """ JSON object; empty so far. """
    pre_iteration_output: Any
    """ What the item before gave, any JSON. """
    parallel_id: None | str
    """ Id of the parallel section. """
    parallel_start_node_id: None | str
    """ Id of the branch's first node. """
    parallel_mode_run_id: None | str
    """ Id of the round of a parallel iteration. """
    duration: float | None
    """ Duration of the item before in seconds. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        node_id = self.node_id

        node_type = self.node_type

        title = self.title

        index = self.index

        created_at = self.created_at

        extras = self.extras

        pre_iteration_output = self.pre_iteration_output

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
                "extras": extras,
                "pre_iteration_output": pre_iteration_output,
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

        extras = d.pop("extras", None)

        pre_iteration_output = d.pop("pre_iteration_output", None)

        parallel_id = d.pop("parallel_id", None)

        parallel_start_node_id = d.pop("parallel_start_node_id", None)

        parallel_mode_run_id = d.pop("parallel_mode_run_id", None)

        duration = d.pop("duration", None)

        iteration_next_data = cls(
            id=id,
            node_id=node_id,
            node_type=node_type,
            title=title,
            index=index,
            created_at=created_at,
            extras=extras,
            pre_iteration_output=pre_iteration_output,
            parallel_id=parallel_id,
            parallel_start_node_id=parallel_start_node_id,
            parallel_mode_run_id=parallel_mode_run_id,
            duration=duration,
        )

        iteration_next_data.additional_properties = d
        return iteration_next_data

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
