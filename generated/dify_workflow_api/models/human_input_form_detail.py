from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models

if TYPE_CHECKING:
    from ..models.human_input_action import HumanInputAction
    from ..models.human_input_field import HumanInputField


T = TypeVar("T", bound="HumanInputFormDetail")


@_attrs_define
class HumanInputFormDetail:
    """The form of a waiting run."""

    form_content: str
    """ Text of the form (Markdown) with variables filled in and places of fields kept. """
    inputs: list[HumanInputField]
    """ Fields of the form. """
    resolved_default_values: Any
    """ JSON object, default value by name of the field. """
    user_actions: list[HumanInputAction]
    """ The buttons of the form. """
    expiration_time: int
    """ When the form expires (Unix seconds). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        form_content = self.form_content

        inputs = []
        for inputs_item_data in self.inputs:
            inputs_item = inputs_item_data.to_dict()
            inputs.append(inputs_item)

        resolved_default_values = self.resolved_default_values

        user_actions = []
        for user_actions_item_data in self.user_actions:
            user_actions_item = user_actions_item_data.to_dict()
            user_actions.append(user_actions_item)

        expiration_time = self.expiration_time

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "form_content": form_content,
                "inputs": inputs,
                "resolved_default_values": resolved_default_values,
                "user_actions": user_actions,
                "expiration_time": expiration_time,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        form_content = d.pop("form_content", None)

        inputs = []
        _inputs = d.pop("inputs", None)
        for inputs_item_data in _inputs:
            inputs_item = models.HumanInputField.from_dict(inputs_item_data)

            inputs.append(inputs_item)

        resolved_default_values = d.pop("resolved_default_values", None)

        user_actions = []
        _user_actions = d.pop("user_actions", None)
        for user_actions_item_data in _user_actions:
            user_actions_item = models.HumanInputAction.from_dict(
                user_actions_item_data
            )

            user_actions.append(user_actions_item)

        expiration_time = d.pop("expiration_time", None)

        human_input_form_detail = cls(
            form_content=form_content,
            inputs=inputs,
            resolved_default_values=resolved_default_values,
            user_actions=user_actions,
            expiration_time=expiration_time,
        )

        human_input_form_detail.additional_properties = d
        return human_input_form_detail

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
