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

T = TypeVar("T", bound="ErrorEvent")


@_attrs_define
class ErrorEvent:
    """The run could not be started. The server may not end the stream here: on 1.13 and 1.14 it stays open and silent;
    newer servers send `workflow_started` and `workflow_finished` after it.

    """

    event: Literal["error"]
    """ Name of the event. """
    workflow_run_id: None | str
    """ Id of the run; null so far. """
    task_id: None | str
    """ Id of the task. """
    code: None | str
    """ Name of the error, such as `invalid_param`. """
    status: int | None
    """ HTTP status that the blocking mode would have answered. """
    message: str
    """ What went wrong. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        event = self.event

        workflow_run_id: None | str
        workflow_run_id = self.workflow_run_id

        task_id: None | str
        task_id = self.task_id

        code: None | str
        code = self.code

        status: int | None
        status = self.status

        message = self.message

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "event": event,
                "workflow_run_id": workflow_run_id,
                "task_id": task_id,
                "code": code,
                "status": status,
                "message": message,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        event = cast(Literal["error"], d.pop("event", None))
        if event != "error":
            raise ValueError(f"event must match const 'error', got '{event}'")

        workflow_run_id = d.pop("workflow_run_id", None)

        task_id = d.pop("task_id", None)

        code = d.pop("code", None)

        status = d.pop("status", None)

        message = d.pop("message", None)

        error_event = cls(
            event=event,
            workflow_run_id=workflow_run_id,
            task_id=task_id,
            code=code,
            status=status,
            message=message,
        )

        error_event.additional_properties = d
        return error_event

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
