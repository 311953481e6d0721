from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models
from ..models.run_status import RunStatus, check_run_status

if TYPE_CHECKING:
    from ..models.output_file import OutputFile
    from ..models.run_creator import RunCreator


T = TypeVar("T", bound="WorkflowFinishedData")


@_attrs_define
class WorkflowFinishedData:
    """How the run ended."""

    id: str
    """ Id of the run. """
    workflow_id: str
    """ Id of the published version that ran. """
    sequence_number: int | None
    """ Number of the run within the app. """
    status: RunStatus
    """ Status of a run; `partial-succeeded` means that nodes failed and the failures were handled. """
    outputs: Any
    """ JSON object, value by name of the output; `{}` or null where the run did not succeed. """
    error: None | str
    """ Error text; null, from 1.4.1 to 1.9.1 an empty string, where there was none. """
    elapsed_time: float
    """ Duration of the run (its last leg) in seconds. """
    total_tokens: int
    """ Tokens that model calls used. """
    total_steps: int
    """ Nodes that ran; always 0 on 1.9.0 and 1.9.1. """
    created_by: None | RunCreator
    """ Who started the run; an empty object if it never started. """
    created_at: int
    """ Start (Unix seconds). """
    finished_at: int | None
    """ End (Unix seconds). """
    exceptions_count: int | None
    """ Nodes that failed, retries included. """
    files: list[OutputFile] | None
    """ Files among the outputs. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        workflow_id = self.workflow_id

        sequence_number: int | None
        sequence_number = self.sequence_number

        status: str = self.status

        outputs = self.outputs

        error: None | str
        error = self.error

        elapsed_time = self.elapsed_time

        total_tokens = self.total_tokens

        total_steps = self.total_steps

        created_by: dict[str, Any] | None
        if isinstance(self.created_by, models.RunCreator):
            created_by = self.created_by.to_dict()
        else:
            created_by = self.created_by

        created_at = self.created_at

        finished_at: int | None
        finished_at = self.finished_at

        exceptions_count: int | None
        exceptions_count = self.exceptions_count

        files: list[dict[str, Any]] | None
        if isinstance(self.files, list):
            files = []
            for files_type_0_item_data in self.files:
                files_type_0_item = files_type_0_item_data.to_dict()
                files.append(files_type_0_item)

        else:
            files = self.files

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "workflow_id": workflow_id,
                "sequence_number": sequence_number,
                "status": status,
                "outputs": outputs,
                "error": error,
                "elapsed_time": elapsed_time,
                "total_tokens": total_tokens,
                "total_steps": total_steps,
                "created_by": created_by,
                "created_at": created_at,
                "finished_at": finished_at,
                "exceptions_count": exceptions_count,
                "files": files,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        workflow_id = d.pop("workflow_id", None)

        sequence_number = d.pop("sequence_number", None)

        status = check_run_status(d.pop("status", None))

        outputs = d.pop("outputs", None)

        error = d.pop("error", None)

        elapsed_time = d.pop("elapsed_time", None)

        total_tokens = d.pop("total_tokens", None)

        total_steps = d.pop("total_steps", None)

        def _parse_created_by(data: object) -> None | models.RunCreator:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                created_by_type_0 = models.RunCreator.from_dict(data)

                return created_by_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.RunCreator, data)

        created_by = _parse_created_by(d.pop("created_by", None))

        created_at = d.pop("created_at", None)

        finished_at = d.pop("finished_at", None)

        exceptions_count = d.pop("exceptions_count", None)

        def _parse_files(data: object) -> list[models.OutputFile] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                files_type_0 = []
                _files_type_0 = data
                for files_type_0_item_data in _files_type_0:
                    files_type_0_item = models.OutputFile.from_dict(
                        files_type_0_item_data
                    )

                    files_type_0.append(files_type_0_item)

                return files_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[models.OutputFile] | None, data)

        files = _parse_files(d.pop("files", None))

        workflow_finished_data = cls(
            id=id,
            workflow_id=workflow_id,
            sequence_number=sequence_number,
            status=status,
            outputs=outputs,
            error=error,
            elapsed_time=elapsed_time,
            total_tokens=total_tokens,
            total_steps=total_steps,
            created_by=created_by,
            created_at=created_at,
            finished_at=finished_at,
            exceptions_count=exceptions_count,
            files=files,
        )

        workflow_finished_data.additional_properties = d
        return workflow_finished_data

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
