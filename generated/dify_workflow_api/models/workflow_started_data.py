from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.resume_reason import ResumeReason, check_resume_reason

T = TypeVar("T", bound="WorkflowStartedData")


@_attrs_define
class WorkflowStartedData:
    """The run that started."""

    id: str
    """ Id of the run. """
    workflow_id: str
    """ Id of the published version that runs. """
    sequence_number: int | None
    """ Number of the run within the app. """
    inputs: Any
    """ JSON object: the inputs, with `sys.*` keys. """
    created_at: int
    """ Start of the run or of its new leg (Unix seconds). """
    reason: None | ResumeReason
    """ Whether the run starts or continues. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        workflow_id = self.workflow_id

        sequence_number: int | None
        sequence_number = self.sequence_number

        inputs = self.inputs

        created_at = self.created_at

        reason: None | str
        if isinstance(self.reason, str):
            reason = self.reason
        else:
            reason = self.reason

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "workflow_id": workflow_id,
                "sequence_number": sequence_number,
                "inputs": inputs,
                "created_at": created_at,
                "reason": reason,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        workflow_id = d.pop("workflow_id", None)

        sequence_number = d.pop("sequence_number", None)

        inputs = d.pop("inputs", None)

        created_at = d.pop("created_at", None)

        def _parse_reason(data: object) -> None | ResumeReason:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                reason_type_0 = check_resume_reason(data)

                return reason_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | ResumeReason, data)

        reason = _parse_reason(d.pop("reason", None))

        workflow_started_data = cls(
            id=id,
            workflow_id=workflow_id,
            sequence_number=sequence_number,
            inputs=inputs,
            created_at=created_at,
            reason=reason,
        )

        workflow_started_data.additional_properties = d
        return workflow_started_data

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
