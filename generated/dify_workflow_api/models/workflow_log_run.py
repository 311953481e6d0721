from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.run_status import RunStatus, check_run_status

T = TypeVar("T", bound="WorkflowLogRun")


@_attrs_define
class WorkflowLogRun:
    """The run of a log row."""

    id: str
    """ Id of the run. """
    version: str
    """ Version that ran: the time of its publication. """
    status: RunStatus
    """ Status of a run; `partial-succeeded` means that nodes failed and the failures were handled. """
    triggered_from: None | str
    """ What started the run, such as `app-run`. """
    error: None | str
    """ Error text; null where there was none. """
    elapsed_time: float
    """ Duration of the run in seconds; 0 while it runs. """
    total_tokens: int
    """ Tokens that model calls used. """
    total_steps: int
    """ Nodes that ran; 0 while it runs. """
    created_at: int
    """ Start (Unix seconds). """
    finished_at: int | None
    """ End (Unix seconds); null where the run has not ended. """
    exceptions_count: int
    """ Nodes that failed, retries included. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        version = self.version

        status: str = self.status

        triggered_from: None | str
        triggered_from = self.triggered_from

        error: None | str
        error = self.error

        elapsed_time = self.elapsed_time

        total_tokens = self.total_tokens

        total_steps = self.total_steps

        created_at = self.created_at

        finished_at: int | None
        finished_at = self.finished_at

        exceptions_count = self.exceptions_count

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "version": version,
                "status": status,
                "triggered_from": triggered_from,
                "error": error,
                "elapsed_time": elapsed_time,
                "total_tokens": total_tokens,
                "total_steps": total_steps,
                "created_at": created_at,
                "finished_at": finished_at,
                "exceptions_count": exceptions_count,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        version = d.pop("version", None)

        status = check_run_status(d.pop("status", None))

        triggered_from = d.pop("triggered_from", None)

        error = d.pop("error", None)

        elapsed_time = d.pop("elapsed_time", None)

        total_tokens = d.pop("total_tokens", None)

        total_steps = d.pop("total_steps", None)

        created_at = d.pop("created_at", None)

        finished_at = d.pop("finished_at", None)

        exceptions_count = d.pop("exceptions_count", None)

        workflow_log_run = cls(
            id=id,
            version=version,
            status=status,
            triggered_from=triggered_from,
            error=error,
            elapsed_time=elapsed_time,
            total_tokens=total_tokens,
            total_steps=total_steps,
            created_at=created_at,
            finished_at=finished_at,
            exceptions_count=exceptions_count,
        )

        workflow_log_run.additional_properties = d
        return workflow_log_run

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
