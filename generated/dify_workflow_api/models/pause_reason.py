from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models

if TYPE_CHECKING:
    from ..models.human_input_action import HumanInputAction
    from ..models.human_input_field import HumanInputField


T = TypeVar("T", bound="PauseReason")


@_attrs_define
class PauseReason:
    """What a paused run waits for: a form, unless TYPE names something else."""

    type_: str
    """ Kind of the reason, `human_input_required`. """
    form_id: None | str
    """ Id of the form; the key to tell forms apart. """
    form_content: None | str
    """ Text of the form (Markdown), rendered; the raw template in a replayed event. """
    inputs: list[HumanInputField] | None
    """ Fields of the form. """
    actions: list[HumanInputAction] | None
    """ Ways to send the form off. """
    display_in_ui: bool | None
    """ Whether the web page shows the form. """
    node_id: None | str
    """ Id of the node that waits. """
    node_title: None | str
    """ Title of the node that waits. """
    resolved_default_values: Any
    """ JSON object, default value by name of the field. """
    form_token: None | str
    """ Token to read and submit the form with; null where this key cannot. """
    expiration_time: int | None
    """ When the form expires (Unix seconds). """
    approval_channels: list[str] | None
    """ Other places where the form can be answered, such as `console`. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        type_ = self.type_

        form_id: None | str
        form_id = self.form_id

        form_content: None | str
        form_content = self.form_content

        inputs: list[dict[str, Any]] | None
        if isinstance(self.inputs, list):
            inputs = []
            for inputs_type_0_item_data in self.inputs:
                inputs_type_0_item = inputs_type_0_item_data.to_dict()
                inputs.append(inputs_type_0_item)

        else:
            inputs = self.inputs

        actions: list[dict[str, Any]] | None
        if isinstance(self.actions, list):
            actions = []
            for actions_type_0_item_data in self.actions:
                actions_type_0_item = actions_type_0_item_data.to_dict()
                actions.append(actions_type_0_item)

        else:
            actions = self.actions

        display_in_ui: bool | None
        display_in_ui = self.display_in_ui

        node_id: None | str
        node_id = self.node_id

        node_title: None | str
        node_title = self.node_title

        resolved_default_values = self.resolved_default_values

        form_token: None | str
        form_token = self.form_token

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
                "TYPE": type_,
                "form_id": form_id,
                "form_content": form_content,
                "inputs": inputs,
                "actions": actions,
                "display_in_ui": display_in_ui,
                "node_id": node_id,
                "node_title": node_title,
                "resolved_default_values": resolved_default_values,
                "form_token": form_token,
                "expiration_time": expiration_time,
                "approval_channels": approval_channels,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        type_ = d.pop("TYPE", None)

        form_id = d.pop("form_id", None)

        form_content = d.pop("form_content", None)

        def _parse_inputs(data: object) -> list[models.HumanInputField] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                inputs_type_0 = []
                _inputs_type_0 = data
                for inputs_type_0_item_data in _inputs_type_0:
                    inputs_type_0_item = models.HumanInputField.from_dict(
                        inputs_type_0_item_data
                    )

                    inputs_type_0.append(inputs_type_0_item)

                return inputs_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[models.HumanInputField] | None, data)

        inputs = _parse_inputs(d.pop("inputs", None))

        def _parse_actions(data: object) -> list[models.HumanInputAction] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                actions_type_0 = []
                _actions_type_0 = data
                for actions_type_0_item_data in _actions_type_0:
                    actions_type_0_item = models.HumanInputAction.from_dict(
                        actions_type_0_item_data
                    )

                    actions_type_0.append(actions_type_0_item)

                return actions_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[models.HumanInputAction] | None, data)

        actions = _parse_actions(d.pop("actions", None))

        display_in_ui = d.pop("display_in_ui", None)

        node_id = d.pop("node_id", None)

        node_title = d.pop("node_title", None)

        resolved_default_values = d.pop("resolved_default_values", None)

        form_token = d.pop("form_token", None)

        expiration_time = d.pop("expiration_time", None)

        approval_channels = d.pop("approval_channels", None)

        pause_reason = cls(
            type_=type_,
            form_id=form_id,
            form_content=form_content,
            inputs=inputs,
            actions=actions,
            display_in_ui=display_in_ui,
            node_id=node_id,
            node_title=node_title,
            resolved_default_values=resolved_default_values,
            form_token=form_token,
            expiration_time=expiration_time,
            approval_channels=approval_channels,
        )

        pause_reason.additional_properties = d
        return pause_reason

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
