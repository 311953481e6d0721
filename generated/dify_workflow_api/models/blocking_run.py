from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models

if TYPE_CHECKING:
    from ..models.blocking_run_data import BlockingRunData


T = TypeVar("T", bound="BlockingRun")


@_attrs_define
class BlockingRun:
    """A run that ended or paused, in an answer of the blocking mode."""

    task_id: str
    """ Id of the task that ran it. """
    workflow_run_id: str
    """ Id of the run. """
    data: BlockingRunData
    """ How the run ended. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        task_id = self.task_id

        workflow_run_id = self.workflow_run_id

        data = self.data.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "task_id": task_id,
                "workflow_run_id": workflow_run_id,
                "data": data,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        task_id = d.pop("task_id", None)

        workflow_run_id = d.pop("workflow_run_id", None)

        data = models.BlockingRunData.from_dict(d.pop("data", None))

        blocking_run = cls(
            task_id=task_id,
            workflow_run_id=workflow_run_id,
            data=data,
        )

        blocking_run.additional_properties = d
        return blocking_run

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
