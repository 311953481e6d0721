from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.input_type import InputType, check_input_type

T = TypeVar("T", bound="UserInputField")


@_attrs_define
class UserInputField:
    """Name and rules of an input."""

    variable: str
    """ Name of the input, its key in `inputs`. """
    label: None | str
    """ Name for people. """
    type_: InputType | None
    """ Type of the input. """
    required: bool | None
    """ Whether a run needs it. """
    max_length: int | None
    """ Most characters of a text, most files of a list. """
    options: list[str] | None
    """ Choices of a select. """
    default: Any
    """ Value that the server takes where none is given; any JSON. """
    allowed_file_types: list[str] | None
    """ Types of file that the input accepts; empty for any. """
    allowed_file_extensions: list[str] | None
    """ File name extensions that the input accepts for the type `custom`. """
    allowed_file_upload_methods: list[str] | None
    """ Ways to pass a file; empty for any. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        variable = self.variable

        label: None | str
        label = self.label

        type_: None | str
        if isinstance(self.type_, str):
            type_ = self.type_
        else:
            type_ = self.type_

        required: bool | None
        required = self.required

        max_length: int | None
        max_length = self.max_length

        options: list[str] | None
        if isinstance(self.options, list):
            options = self.options

        else:
            options = self.options

        default = self.default

        allowed_file_types: list[str] | None
        if isinstance(self.allowed_file_types, list):
            allowed_file_types = self.allowed_file_types

        else:
            allowed_file_types = self.allowed_file_types

        allowed_file_extensions: list[str] | None
        if isinstance(self.allowed_file_extensions, list):
            allowed_file_extensions = self.allowed_file_extensions

        else:
            allowed_file_extensions = self.allowed_file_extensions

        allowed_file_upload_methods: list[str] | None
        if isinstance(self.allowed_file_upload_methods, list):
            allowed_file_upload_methods = self.allowed_file_upload_methods

        else:
            allowed_file_upload_methods = self.allowed_file_upload_methods

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "variable": variable,
                "label": label,
                "type": type_,
                "required": required,
                "max_length": max_length,
                "options": options,
                "default": default,
                "allowed_file_types": allowed_file_types,
                "allowed_file_extensions": allowed_file_extensions,
                "allowed_file_upload_methods": allowed_file_upload_methods,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        variable = d.pop("variable", None)

        label = d.pop("label", None)

        def _parse_type_(data: object) -> InputType | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                type_type_0 = check_input_type(data)

                return type_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(InputType | None, data)

        type_ = _parse_type_(d.pop("type", None))

        required = d.pop("required", None)

        max_length = d.pop("max_length", None)

        options = d.pop("options", None)

        default = d.pop("default", None)

        allowed_file_types = d.pop("allowed_file_types", None)

        allowed_file_extensions = d.pop("allowed_file_extensions", None)

        allowed_file_upload_methods = d.pop("allowed_file_upload_methods", None)

        user_input_field = cls(
            variable=variable,
            label=label,
            type_=type_,
            required=required,
            max_length=max_length,
            options=options,
            default=default,
            allowed_file_types=allowed_file_types,
            allowed_file_extensions=allowed_file_extensions,
            allowed_file_upload_methods=allowed_file_upload_methods,
        )

        user_input_field.additional_properties = d
        return user_input_field

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
