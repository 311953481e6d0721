from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models
from ..models.response_mode import ResponseMode, check_response_mode
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.file_reference import FileReference


T = TypeVar("T", bound="RunWorkflowBody")


@_attrs_define
class RunWorkflowBody:
    """The request for a run."""

    inputs: Any
    """ A JSON object: value by name of the input. The server ignores undeclared names and reports no error. """
    user: str
    """ Who the run is for; a name of your own for the end user. """
    response_mode: ResponseMode | Unset = UNSET
    """ Whether the server answers when the run has ended, or sends events during the run. """
    files: list[FileReference] | Unset = UNSET
    """ Files for `sys.files`, for workflows with the "file upload" feature. """
    trace_id: str | Unset = UNSET
    """ Id under which the server's tracing files the run. Not echoed. """
    trace_session_id: str | Unset = UNSET
    """ Id that joins several runs in the server's tracing. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        inputs = self.inputs

        user = self.user

        response_mode: str | Unset = UNSET
        if not isinstance(self.response_mode, Unset):
            response_mode = self.response_mode

        files: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.files, Unset):
            files = []
            for files_item_data in self.files:
                files_item = files_item_data.to_dict()
                files.append(files_item)

        trace_id = self.trace_id

        trace_session_id = self.trace_session_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "inputs": inputs,
                "user": user,
            }
        )
        if response_mode is not UNSET:
            field_dict["response_mode"] = response_mode
        if files is not UNSET:
            field_dict["files"] = files
        if trace_id is not UNSET:
            field_dict["trace_id"] = trace_id
        if trace_session_id is not UNSET:
            field_dict["trace_session_id"] = trace_session_id

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        inputs = d.pop("inputs", None)

        user = d.pop("user", None)

        _response_mode = d.pop("response_mode", UNSET)
        response_mode: ResponseMode | Unset
        if isinstance(_response_mode, Unset):
            response_mode = UNSET
        else:
            response_mode = check_response_mode(_response_mode)

        _files = d.pop("files", UNSET)
        files: list[models.FileReference] | Unset = UNSET
        if _files is not UNSET:
            files = []
            for files_item_data in _files:
                files_item = models.FileReference.from_dict(files_item_data)

                files.append(files_item)

        trace_id = d.pop("trace_id", UNSET)

        trace_session_id = d.pop("trace_session_id", UNSET)

        run_workflow_body = cls(
            inputs=inputs,
            user=user,
            response_mode=response_mode,
            files=files,
            trace_id=trace_id,
            trace_session_id=trace_session_id,
        )

        run_workflow_body.additional_properties = d
        return run_workflow_body

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
