from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.file_type import FileType, check_file_type
from ..models.transfer_method import TransferMethod, check_transfer_method

T = TypeVar("T", bound="OutputFile")


@_attrs_define
class OutputFile:
    """A file in the outputs of a node or a run."""

    dify_model_identity: str
    """ Always `__dify__file__`; marks the object as a file. """
    id: None | str
    """ Always null so far. """
    tenant_id: None | str
    """ Id of the workspace. """
    type_: FileType
    """ Type of a file. """
    transfer_method: TransferMethod
    """ The place of a file: uploaded (`local_file`), at a URL, or made by a tool. """
    remote_url: None | str
    """ Address of the file, for `remote_url`; a signed one, or empty, otherwise. """
    related_id: None | str
    """ Id of the uploaded or made file. """
    reference: None | str
    """ The server's own name for the file. """
    filename: None | str
    """ Name of the file. """
    extension: None | str
    """ Ending of the name, with the dot. """
    mime_type: None | str
    """ Media type. """
    size: int | None
    """ Size in bytes; -1 where unknown. """
    url: None | str
    """ Address to download the file for a while. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        dify_model_identity = self.dify_model_identity

        id: None | str
        id = self.id

        tenant_id: None | str
        tenant_id = self.tenant_id

        type_: str = self.type_

        transfer_method: str = self.transfer_method

        remote_url: None | str
        remote_url = self.remote_url

        related_id: None | str
        related_id = self.related_id

        reference: None | str
        reference = self.reference

        filename: None | str
        filename = self.filename

        extension: None | str
        extension = self.extension

        mime_type: None | str
        mime_type = self.mime_type

        size: int | None
        size = self.size

        url: None | str
        url = self.url

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "dify_model_identity": dify_model_identity,
                "id": id,
                "tenant_id": tenant_id,
                "type": type_,
                "transfer_method": transfer_method,
                "remote_url": remote_url,
                "related_id": related_id,
                "reference": reference,
                "filename": filename,
                "extension": extension,
                "mime_type": mime_type,
                "size": size,
                "url": url,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        dify_model_identity = d.pop("dify_model_identity", None)

        id = d.pop("id", None)

        tenant_id = d.pop("tenant_id", None)

        type_ = check_file_type(d.pop("type", None))

        transfer_method = check_transfer_method(d.pop("transfer_method", None))

        remote_url = d.pop("remote_url", None)

        related_id = d.pop("related_id", None)

        reference = d.pop("reference", None)

        filename = d.pop("filename", None)

        extension = d.pop("extension", None)

        mime_type = d.pop("mime_type", None)

        size = d.pop("size", None)

        url = d.pop("url", None)

        output_file = cls(
            dify_model_identity=dify_model_identity,
            id=id,
            tenant_id=tenant_id,
            type_=type_,
            transfer_method=transfer_method,
            remote_url=remote_url,
            related_id=related_id,
            reference=reference,
            filename=filename,
            extension=extension,
            mime_type=mime_type,
            size=size,
            url=url,
        )

        output_file.additional_properties = d
        return output_file

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
