from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="HumanInputOptions")


@_attrs_define
class HumanInputOptions:
    """The source of the choices of a select."""

    type_: str
    """ `constant` or `variable`. """
    selector: list[str] | None
    """ Path of the variable, for `variable`. """
    value: list[str] | None
    """ The choices. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        type_ = self.type_

        selector: list[str] | None
        if isinstance(self.selector, list):
            selector = self.selector

        else:
            selector = self.selector

        value: list[str] | None
        if isinstance(self.value, list):
            value = self.value

        else:
            value = self.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
                "selector": selector,
                "value": value,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        type_ = d.pop("type", None)

        selector = d.pop("selector", None)

        value = d.pop("value", None)

        human_input_options = cls(
            type_=type_,
            selector=selector,
            value=value,
        )

        human_input_options.additional_properties = d
        return human_input_options

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
