from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.run_status import RunStatus, check_run_status

T = TypeVar("T", bound="WorkflowRunDetail")


@_attrs_define
class WorkflowRunDetail:
    """The detail of a run. Before 1.13.1, an unknown id returns one with nulls only."""

    id: None | str
    """ Id of the run. """
    workflow_id: None | str
    """ Id of the version that ran. """
    status: None | RunStatus
    """ Status of the run. From 1.10.1 to 1.14, stopped runs stay `running` for ever. """
    inputs: None | str
    """ The inputs, with `sys.*` keys, as the text of a JSON object. """
    outputs: Any
    """ JSON object, `{}` where there are none; before 1.13.0 its text, or null. """
    error: None | str
    """ Error text; null where there was none. """
    total_steps: int | None
    """ Nodes that ran. """
    total_tokens: int | None
    """ Tokens that model calls used. """
    created_at: int | None | str
    """ Start (Unix seconds; an RFC 822 text before 1.2.0). """
    finished_at: int | None | str
    """ End (as `created_at`); null if the run has not ended. """
    elapsed_time: float | None
    """ Duration of the run (its last leg) in seconds. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id: None | str
        id = self.id

        workflow_id: None | str
        workflow_id = self.workflow_id

        status: None | str
        if isinstance(self.status, str):
            status = self.status
        else:
            status = self.status

        inputs: None | str
        inputs = self.inputs

        outputs = self.outputs

        error: None | str
        error = self.error

        total_steps: int | None
        total_steps = self.total_steps

        total_tokens: int | None
        total_tokens = self.total_tokens

        created_at: int | None | str
        created_at = self.created_at

        finished_at: int | None | str
        finished_at = self.finished_at

        elapsed_time: float | None
        elapsed_time = self.elapsed_time

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "workflow_id": workflow_id,
                "status": status,
                "inputs": inputs,
                "outputs": outputs,
                "error": error,
                "total_steps": total_steps,
                "total_tokens": total_tokens,
                "created_at": created_at,
                "finished_at": finished_at,
                "elapsed_time": elapsed_time,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        id = d.pop("id", None)

        workflow_id = d.pop("workflow_id", None)

        def _parse_status(data: object) -> None | RunStatus:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_0 = check_run_status(data)

                return status_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | RunStatus, data)

        status = _parse_status(d.pop("status", None))

        inputs = d.pop("inputs", None)

        outputs = d.pop("outputs", None)

        error = d.pop("error", None)

        total_steps = d.pop("total_steps", None)

        total_tokens = d.pop("total_tokens", None)

        created_at = d.pop("created_at", None)

        finished_at = d.pop("finished_at", None)

        elapsed_time = d.pop("elapsed_time", None)

        workflow_run_detail = cls(
            id=id,
            workflow_id=workflow_id,
            status=status,
            inputs=inputs,
            outputs=outputs,
            error=error,
            total_steps=total_steps,
            total_tokens=total_tokens,
            created_at=created_at,
            finished_at=finished_at,
            elapsed_time=elapsed_time,
        )

        workflow_run_detail.additional_properties = d
        return workflow_run_detail

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
