from __future__ import annotations

from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Self,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models

if TYPE_CHECKING:
    from ..models.node_started_data import NodeStartedData


T = TypeVar("T", bound="NodeStartedEvent")


@_attrs_define
class NodeStartedEvent:
    """A node started."""

    event: Literal["node_started"]
    """ Name of the event. """
    workflow_run_id: str
    """ Id of the run. """
    task_id: str
    """ Id of the task that runs it. """
    data: NodeStartedData
    """ The node that started. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        event = self.event

        workflow_run_id = self.workflow_run_id

        task_id = self.task_id

        data = self.data.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "event": event,
                "workflow_run_id": workflow_run_id,
                "task_id": task_id,
                "data": data,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        event = cast(Literal["node_started"], d.pop("event", None))
        if event != "node_started":
            raise ValueError(f"event must match const 'node_started', got '{event}'")

        workflow_run_id = d.pop("workflow_run_id", None)

        task_id = d.pop("task_id", None)

        data = models.NodeStartedData.from_dict(d.pop("data", None))

        node_started_event = cls(
            event=event,
            workflow_run_id=workflow_run_id,
            task_id=task_id,
            data=data,
        )

        node_started_event.additional_properties = d
        return node_started_event

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
