from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="RunCreator")


@_attrs_define
class RunCreator:
    """Who started a run."""

    id: None | str
    """ Id of the end user or the account. """
    user: None | str
    """ The `user` of the run request. """
    name: None | str
    """ Name of the account. """
    email: None | str
    """ E-mail address of the account. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id: None | str
        id = self.id

        user: None | str
        user = self.user

        name: None | str
        name = self.name

        email: None | str
        email = self.email

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "user": user,
                "name": name,
                "email": email,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        id = d.pop("id", None)

        user = d.pop("user", None)

        name = d.pop("name", None)

        email = d.pop("email", None)

        run_creator = cls(
            id=id,
            user=user,
            name=name,
            email=email,
        )

        run_creator.additional_properties = d
        return run_creator

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
