from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.file_type import FileType, check_file_type
from ..models.transfer_method import TransferMethod, check_transfer_method
from ..types import UNSET, Unset

T = TypeVar("T", bound="FileReference")


@_attrs_define
class FileReference:
    """A file for an input of a run."""

    type_: FileType
    """ Type of a file. """
    transfer_method: TransferMethod
    """ The place of a file: uploaded (`local_file`), at a URL, or made by a tool. """
    upload_file_id: str | Unset = UNSET
    """ Id of the uploaded file, for `local_file`. """
    url: str | Unset = UNSET
    """ Address of the file, for `remote_url`. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        type_: str = self.type_

        transfer_method: str = self.transfer_method

        upload_file_id = self.upload_file_id

        url = self.url

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
                "transfer_method": transfer_method,
            }
        )
        if upload_file_id is not UNSET:
            field_dict["upload_file_id"] = upload_file_id
        if url is not UNSET:
            field_dict["url"] = url

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        type_ = check_file_type(d.pop("type", None))

        transfer_method = check_transfer_method(d.pop("transfer_method", None))

        upload_file_id = d.pop("upload_file_id", UNSET)

        url = d.pop("url", UNSET)

        file_reference = cls(
            type_=type_,
            transfer_method=transfer_method,
            upload_file_id=upload_file_id,
            url=url,
        )

        file_reference.additional_properties = d
        return file_reference

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
