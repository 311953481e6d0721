from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.node_status import NodeStatus, check_node_status

T = TypeVar("T", bound="ParallelBranchFinishedData")


@_attrs_define
class ParallelBranchFinishedData:
    """The end of the branch."""

    parallel_id: str
    """ Id of the parallel section. """
    parallel_branch_id: str
    """ Id of the branch's first node. """
    parent_parallel_id: None | str
    """ Id of the parallel section around. """
    parent_parallel_start_node_id: None | str
    """ Id of the first node of the branch around. """
    iteration_id: None | str
    """ Id of the iteration node around. """
    loop_id: None | str
    """ Id of the loop node around. """
    status: NodeStatus
    """ Status of a node; `exception` means a failure that the workflow handled. """
    error: None | str
    """ Error text; null where there was none. """
    created_at: int
    """ End (Unix seconds). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        parallel_id = self.parallel_id

        parallel_branch_id = self.parallel_branch_id

        parent_parallel_id: None | str
        parent_parallel_id = self.parent_parallel_id

        parent_parallel_start_node_id: None | str
        parent_parallel_start_node_id = self.parent_parallel_start_node_id

        iteration_id: None | str
        iteration_id = self.iteration_id

        loop_id: None | str
        loop_id = self.loop_id

        status: str = self.status

        error: None | str
        error = self.error

        created_at = self.created_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "parallel_id": parallel_id,
                "parallel_branch_id": parallel_branch_id,
                "parent_parallel_id": parent_parallel_id,
                "parent_parallel_start_node_id": parent_parallel_start_node_id,
                "iteration_id": iteration_id,
                "loop_id": loop_id,
                "status": status,
                "error": error,
                "created_at": created_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        parallel_id = d.pop("parallel_id", None)

        parallel_branch_id = d.pop("parallel_branch_id", None)

        parent_parallel_id = d.pop("parent_parallel_id", None)

        parent_parallel_start_node_id = d.pop("parent_parallel_start_node_id", None)

        iteration_id = d.pop("iteration_id", None)

        loop_id = d.pop("loop_id", None)

        status = check_node_status(d.pop("status", None))

        error = d.pop("error", None)

        created_at = d.pop("created_at", None)

        parallel_branch_finished_data = cls(
            parallel_id=parallel_id,
            parallel_branch_id=parallel_branch_id,
            parent_parallel_id=parent_parallel_id,
            parent_parallel_start_node_id=parent_parallel_start_node_id,
            iteration_id=iteration_id,
            loop_id=loop_id,
            status=status,
            error=error,
            created_at=created_at,
        )

        parallel_branch_finished_data.additional_properties = d
        return parallel_branch_finished_data

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
