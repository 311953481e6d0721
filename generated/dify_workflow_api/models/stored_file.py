from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="StoredFile")


@_attrs_define
class StoredFile:
    """A file that was stored."""

    id: str
    """ Id of the file, the `upload_file_id` of inputs. """
    name: str
    """ Name of the file. """
    size: int
    """ Size in bytes. """
    extension: None | str
    """ Ending of the name, without the dot; may be empty. """
    mime_type: None | str
    """ Media type. """
    created_by: None | str
    """ Id of the end user who uploaded it. """
    created_at: int
    """ Time of the upload (Unix seconds). """
    preview_url: None | str
    """ Always null here. """
    source_url: None | str
    """ Signed address to download the file for a while. """
    original_url: None | str
    """ Where the file came from. """
    user_id: None | str
    """ Always null here. """
    tenant_id: None | str
    """ Id of the workspace. """
    conversation_id: None | str
    """ Always null here. """
    file_key: None | str
    """ Always null here. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        size = self.size

        extension: None | str
        extension = self.extension

        mime_type: None | str
        mime_type = self.mime_type

        created_by: None | str
        created_by = self.created_by

        created_at = self.created_at

        preview_url: None | str
        preview_url = self.preview_url

        source_url: None | str
        source_url = self.source_url

        original_url: None | str
        original_url = self.original_url

        user_id: None | str
        user_id = self.user_id

        tenant_id: None | str
        tenant_id = self.tenant_id

        conversation_id: None | str
        conversation_id = self.conversation_id

        file_key: None | str
        file_key = self.file_key

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "size": size,
                "extension": extension,
                "mime_type": mime_type,
                "created_by": created_by,
                "created_at": created_at,
                "preview_url": preview_url,
                "source_url": source_url,
                "original_url": original_url,
                "user_id": user_id,
                "tenant_id": tenant_id,
                "conversation_id": conversation_id,
                "file_key": file_key,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        name = d.pop("name", None)

        size = d.pop("size", None)

        extension = d.pop("extension", None)

        mime_type = d.pop("mime_type", None)

        created_by = d.pop("created_by", None)

        created_at = d.pop("created_at", None)

        preview_url = d.pop("preview_url", None)

        source_url = d.pop("source_url", None)

        original_url = d.pop("original_url", None)

        user_id = d.pop("user_id", None)

        tenant_id = d.pop("tenant_id", None)

        conversation_id = d.pop("conversation_id", None)

        file_key = d.pop("file_key", None)

        stored_file = cls(
            id=id,
            name=name,
            size=size,
            extension=extension,
            mime_type=mime_type,
            created_by=created_by,
            created_at=created_at,
            preview_url=preview_url,
            source_url=source_url,
            original_url=original_url,
            user_id=user_id,
            tenant_id=tenant_id,
            conversation_id=conversation_id,
            file_key=file_key,
        )

        stored_file.additional_properties = d
        return stored_file

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
