from __future__ import annotations

from collections.abc import Mapping
from typing import (
    Any,
    Literal,
    Self,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="MessageFileEvent")


@_attrs_define
class MessageFileEvent:
    """A file that a tool made."""

    event: Literal["message_file"]
    """ Name of the event. """
    workflow_run_id: None | str
    """ Id of the run. """
    task_id: None | str
    """ Id of the task that runs it. """
    id: str
    """ Id of the file. """
    type_: str
    """ Kind of the file, such as `image`. """
    belongs_to: str
    """ Whose file it is; `assistant`. """
    url: str
    """ Address to download the file for a while. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        event = self.event

        workflow_run_id: None | str
        workflow_run_id = self.workflow_run_id

        task_id: None | str
        task_id = self.task_id

        id = self.id

        type_ = self.type_

        belongs_to = self.belongs_to

        url = self.url

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "event": event,
                "workflow_run_id": workflow_run_id,
                "task_id": task_id,
                "id": id,
                "type": type_,
                "belongs_to": belongs_to,
                "url": url,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        event = cast(Literal["message_file"], d.pop("event", None))
        if event != "message_file":
            raise ValueError(f"event must match const 'message_file', got '{event}'")

        workflow_run_id = d.pop("workflow_run_id", None)

        task_id = d.pop("task_id", None)

        id = d.pop("id", None)

        type_ = d.pop("type", None)

        belongs_to = d.pop("belongs_to", None)

        url = d.pop("url", None)

        message_file_event = cls(
            event=event,
            workflow_run_id=workflow_run_id,
            task_id=task_id,
            id=id,
            type_=type_,
            belongs_to=belongs_to,
            url=url,
        )

        message_file_event.additional_properties = d
        return message_file_event

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
