from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models

if TYPE_CHECKING:
    from ..models.user_input_field import UserInputField


T = TypeVar("T", bound="UserInput")


@_attrs_define
class UserInput:
    """An input, under the key that names its type. The other keys are missing."""

    text_input: None | UserInputField
    """ One line of text. """
    paragraph: None | UserInputField
    """ Text. """
    number: None | UserInputField
    """ A number, or its text. """
    select: None | UserInputField
    """ One of the options. """
    checkbox: None | UserInputField
    """ Yes or no. """
    file: None | UserInputField
    """ One file. """
    file_list: None | UserInputField
    """ Several files. """
    json_object: None | UserInputField
    """ A JSON object. """
    external_data_tool: None | UserInputField
    """ A value that the server gets from elsewhere. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        text_input: dict[str, Any] | None
        if isinstance(self.text_input, models.UserInputField):
            text_input = self.text_input.to_dict()
        else:
            text_input = self.text_input

        paragraph: dict[str, Any] | None
        if isinstance(self.paragraph, models.UserInputField):
            paragraph = self.paragraph.to_dict()
        else:
            paragraph = self.paragraph

        number: dict[str, Any] | None
        if isinstance(self.number, models.UserInputField):
            number = self.number.to_dict()
        else:
            number = self.number

        select: dict[str, Any] | None
        if isinstance(self.select, models.UserInputField):
            select = self.select.to_dict()
        else:
            select = self.select

        checkbox: dict[str, Any] | None
        if isinstance(self.checkbox, models.UserInputField):
            checkbox = self.checkbox.to_dict()
        else:
            checkbox = self.checkbox

        file: dict[str, Any] | None
        if isinstance(self.file, models.UserInputField):
            file = self.file.to_dict()
        else:
            file = self.file

        file_list: dict[str, Any] | None
        if isinstance(self.file_list, models.UserInputField):
            file_list = self.file_list.to_dict()
        else:
            file_list = self.file_list

        json_object: dict[str, Any] | None
        if isinstance(self.json_object, models.UserInputField):
            json_object = self.json_object.to_dict()
        else:
            json_object = self.json_object

        external_data_tool: dict[str, Any] | None
        if isinstance(self.external_data_tool, models.UserInputField):
            external_data_tool = self.external_data_tool.to_dict()
        else:
            external_data_tool = self.external_data_tool

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "text-input": text_input,
                "paragraph": paragraph,
                "number": number,
                "select": select,
                "checkbox": checkbox,
                "file": file,
                "file-list": file_list,
                "json_object": json_object,
                "external_data_tool": external_data_tool,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        def _parse_text_input(data: object) -> None | models.UserInputField:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                text_input_type_0 = models.UserInputField.from_dict(data)

                return text_input_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.UserInputField, data)

        text_input = _parse_text_input(d.pop("text-input", None))

        def _parse_paragraph(data: object) -> None | models.UserInputField:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                paragraph_type_0 = models.UserInputField.from_dict(data)

                return paragraph_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.UserInputField, data)

        paragraph = _parse_paragraph(d.pop("paragraph", None))

        def _parse_number(data: object) -> None | models.UserInputField:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                number_type_0 = models.UserInputField.from_dict(data)

                return number_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.UserInputField, data)

        number = _parse_number(d.pop("number", None))

        def _parse_select(data: object) -> None | models.UserInputField:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                select_type_0 = models.UserInputField.from_dict(data)

                return select_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.UserInputField, data)

        select = _parse_select(d.pop("select", None))

        def _parse_checkbox(data: object) -> None | models.UserInputField:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                checkbox_type_0 = models.UserInputField.from_dict(data)

                return checkbox_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.UserInputField, data)

        checkbox = _parse_checkbox(d.pop("checkbox", None))

        def _parse_file(data: object) -> None | models.UserInputField:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                file_type_0 = models.UserInputField.from_dict(data)

                return file_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.UserInputField, data)

        file = _parse_file(d.pop("file", None))

        def _parse_file_list(data: object) -> None | models.UserInputField:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                file_list_type_0 = models.UserInputField.from_dict(data)

                return file_list_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.UserInputField, data)

        file_list = _parse_file_list(d.pop("file-list", None))

        def _parse_json_object(data: object) -> None | models.UserInputField:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                json_object_type_0 = models.UserInputField.from_dict(data)

                return json_object_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.UserInputField, data)

        json_object = _parse_json_object(d.pop("json_object", None))

        def _parse_external_data_tool(data: object) -> None | models.UserInputField:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                external_data_tool_type_0 = models.UserInputField.from_dict(data)

                return external_data_tool_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.UserInputField, data)

        external_data_tool = _parse_external_data_tool(
            d.pop("external_data_tool", None)
        )

        user_input = cls(
            text_input=text_input,
            paragraph=paragraph,
            number=number,
            select=select,
            checkbox=checkbox,
            file=file,
            file_list=file_list,
            json_object=json_object,
            external_data_tool=external_data_tool,
        )

        user_input.additional_properties = d
        return user_input

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
