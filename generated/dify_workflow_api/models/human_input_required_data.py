from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models

if TYPE_CHECKING:
    from ..models.human_input_action import HumanInputAction
    from ..models.human_input_field import HumanInputField


T = TypeVar("T", bound="HumanInputRequiredData")


@_attrs_define
class HumanInputRequiredData:
    """The form."""

    form_id: str
    """ Id of the form; the key to tell forms apart. """
    node_id: str
    """ Id of the node that waits. """
    node_title: str
    """ Title of the node that waits. """
    form_content: str
    """ Text of the form (Markdown), rendered; the raw template in a replayed event. """
    inputs: list[HumanInputField]
    """ Fields of the form. """
    actions: list[HumanInputAction]
    """ Ways to send the form off. """
    display_in_ui: bool | None
    """ Whether the web page shows the form. """
    form_token: None | str
    """ Token to read and submit the form with; null where this key cannot. """
    resolved_default_values: Any
    """ JSON object, default value by name of the field. """
    expiration_time: int | None
    """ When the form expires (Unix seconds). """
    approval_channels: list[str] | None
    """ Other places where the form can be answered, such as `console`. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        form_id = self.form_id

        node_id = self.node_id

        node_title = self.node_title

        form_content = self.form_content

        inputs = []
        for inputs_item_data in self.inputs:
            inputs_item = inputs_item_data.to_dict()
            inputs.append(inputs_item)

        actions = []
        for actions_item_data in self.actions:
            actions_item = actions_item_data.to_dict()
            actions.append(actions_item)

        display_in_ui: bool | None
        display_in_ui = self.display_in_ui

        form_token: None | str
        form_token = self.form_token

        resolved_default_values = self.resolved_default_values

        expiration_time: int | None
        expiration_time = self.expiration_time

        approval_channels: list[str] | None
        if isinstance(self.approval_channels, list):
            approval_channels = self.approval_channels

        else:
            approval_channels = self.approval_channels

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "form_id": form_id,
                "node_id": node_id,
                "node_title": node_title,
                "form_content": form_content,
                "inputs": inputs,
                "actions": actions,
                "display_in_ui": display_in_ui,
                "form_token": form_token,
                "resolved_default_values": resolved_default_values,
                "expiration_time": expiration_time,
                "approval_channels": approval_channels,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        form_id = d.pop("form_id", None)

        node_id = d.pop("node_id", None)

        node_title = d.pop("node_title", None)

        form_content = d.pop("form_content", None)

        inputs = []
        _inputs = d.pop("inputs", None)
        for inputs_item_data in _inputs:
            inputs_item = models.HumanInputField.from_dict(inputs_item_data)

            inputs.append(inputs_item)

        actions = []
        _actions = d.pop("actions", None)
        for actions_item_data in _actions:
            actions_item = models.HumanInputAction.from_dict(actions_item_data)

            actions.append(actions_item)

        display_in_ui = d.pop("display_in_ui", None)

        form_token = d.pop("form_token", None)

        resolved_default_values = d.pop("resolved_default_values", None)

        expiration_time = d.pop("expiration_time", None)

        approval_channels = d.pop("approval_channels", None)

        human_input_required_data = cls(
            form_id=form_id,
            node_id=node_id,
            node_title=node_title,
            form_content=form_content,
            inputs=inputs,
            actions=actions,
            display_in_ui=display_in_ui,
            form_token=form_token,
            resolved_default_values=resolved_default_values,
            expiration_time=expiration_time,
            approval_channels=approval_channels,
        )

        human_input_required_data.additional_properties = d
        return human_input_required_data

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
