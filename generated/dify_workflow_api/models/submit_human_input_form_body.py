from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="SubmitHumanInputFormBody")


@_attrs_define
class SubmitHumanInputFormBody:
    """The answer to a form."""

    inputs: Any
    """ JSON object, value by name of the field; files in the form of `FileReference`. """
    action: str
    """ Id of the action. """
    user: str
    """ Who submits; files must be uploaded by the same user. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        inputs = self.inputs

        action = self.action

        user = self.user

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "inputs": inputs,
                "action": action,
                "user": user,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        inputs = d.pop("inputs", None)

        action = d.pop("action", None)

        user = d.pop("user", None)

        submit_human_input_form_body = cls(
            inputs=inputs,
            action=action,
            user=user,
        )

        submit_human_input_form_body.additional_properties = d
        return submit_human_input_form_body

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
