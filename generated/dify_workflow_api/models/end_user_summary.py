from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="EndUserSummary")


@_attrs_define
class EndUserSummary:
    """The end user of a run."""

    id: str
    """ Id of the end user. """
    type_: str
    """ `service-api` (`service_api` before 1.10.0) or `browser`. """
    is_anonymous: bool
    """ Whether the user gave no name. """
    session_id: str
    """ The `user` of the run request; a UUID for runs of the web page. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        type_ = self.type_

        is_anonymous = self.is_anonymous

        session_id = self.session_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "type": type_,
                "is_anonymous": is_anonymous,
                "session_id": session_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        type_ = d.pop("type", None)

        is_anonymous = d.pop("is_anonymous", None)

        session_id = d.pop("session_id", None)

        end_user_summary = cls(
            id=id,
            type_=type_,
            is_anonymous=is_anonymous,
            session_id=session_id,
        )

        end_user_summary.additional_properties = d
        return end_user_summary

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
