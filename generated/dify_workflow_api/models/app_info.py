from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="AppInfo")


@_attrs_define
class AppInfo:
    """Name and description of the app."""

    name: str
    """ Name of the app. """
    description: None | str
    """ Description of the app. """
    tags: list[str]
    """ Tags of the app. """
    mode: None | str
    """ Kind of the app, `workflow`. """
    author_name: None | str
    """ Who made the app. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        description: None | str
        description = self.description

        tags = self.tags

        mode: None | str
        mode = self.mode

        author_name: None | str
        author_name = self.author_name

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "description": description,
                "tags": tags,
                "mode": mode,
                "author_name": author_name,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        name = d.pop("name", None)

        description = d.pop("description", None)

        tags = cast(list[str], d.pop("tags", None))

        mode = d.pop("mode", None)

        author_name = d.pop("author_name", None)

        app_info = cls(
            name=name,
            description=description,
            tags=tags,
            mode=mode,
            author_name=author_name,
        )

        app_info.additional_properties = d
        return app_info

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
