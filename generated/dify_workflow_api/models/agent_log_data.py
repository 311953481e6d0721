from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="AgentLogData")


@_attrs_define
class AgentLogData:
    """The step."""

    node_execution_id: str
    """ Id of the execution of the agent node. """
    id: str
    """ Id of the step; a later event with the same id replaces it. """
    label: str
    """ Name of the step. """
    parent_id: None | str
    """ Id of the step around. """
    error: None | str
    """ Error text. """
    status: str
    """ State of the step, such as `start`, `success` or `error`. """
    data: Any
    """ JSON object of what the step took and gave. """
    metadata: Any
    """ JSON object, such as times and prices of the step. """
    node_id: None | str
    """ Id of the agent node. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        node_execution_id = self.node_execution_id

        id = self.id

        label = self.label

        parent_id: None | str
        parent_id = self.parent_id

        error: None | str
        error = self.error

        status = self.status

        data = self.data

        metadata = self.metadata

        node_id: None | str
        node_id = self.node_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "node_execution_id": node_execution_id,
                "id": id,
                "label": label,
                "parent_id": parent_id,
                "error": error,
                "status": status,
                "data": data,
                "metadata": metadata,
                "node_id": node_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        node_execution_id = d.pop("node_execution_id", None)

        id = d.pop("id", None)

        label = d.pop("label", None)

        parent_id = d.pop("parent_id", None)

        error = d.pop("error", None)

        status = d.pop("status", None)

        data = d.pop("data", None)

        metadata = d.pop("metadata", None)

        node_id = d.pop("node_id", None)

        agent_log_data = cls(
            node_execution_id=node_execution_id,
            id=id,
            label=label,
            parent_id=parent_id,
            error=error,
            status=status,
            data=data,
            metadata=metadata,
            node_id=node_id,
        )

        agent_log_data.additional_properties = d
        return agent_log_data

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
