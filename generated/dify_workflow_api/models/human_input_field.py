from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models
from ..models.form_field_type import FormFieldType, check_form_field_type

if TYPE_CHECKING:
    from ..models.human_input_default import HumanInputDefault
    from ..models.human_input_options import HumanInputOptions


T = TypeVar("T", bound="HumanInputField")


@_attrs_define
class HumanInputField:
    """A field of a form."""

    type_: FormFieldType
    """ Type of a field in a human-input form; all but `paragraph` exist since 1.15.0. """
    output_variable_name: str
    """ Name of the field, the key of its value in the submitted `inputs`. """
    default: HumanInputDefault | None
    """ The initial value of the field. """
    option_source: HumanInputOptions | None
    """ The choices of a select. """
    allowed_file_types: list[str] | None
    """ Types of file that the field accepts. """
    allowed_file_extensions: list[str] | None
    """ File name extensions that the field accepts, with their dot, for the type `custom`. """
    allowed_file_upload_methods: list[str] | None
    """ Ways to pass a file. """
    number_limits: int | None
    """ Most files the field takes. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        type_: str = self.type_

        output_variable_name = self.output_variable_name

        default: dict[str, Any] | None
        if isinstance(self.default, models.HumanInputDefault):
            default = self.default.to_dict()
        else:
            default = self.default

        option_source: dict[str, Any] | None
        if isinstance(self.option_source, models.HumanInputOptions):
            option_source = self.option_source.to_dict()
        else:
            option_source = self.option_source

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

        number_limits: int | None
        number_limits = self.number_limits

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
                "output_variable_name": output_variable_name,
                "default": default,
                "option_source": option_source,
                "allowed_file_types": allowed_file_types,
                "allowed_file_extensions": allowed_file_extensions,
                "allowed_file_upload_methods": allowed_file_upload_methods,
                "number_limits": number_limits,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        type_ = check_form_field_type(d.pop("type", None))

        output_variable_name = d.pop("output_variable_name", None)

        def _parse_default(data: object) -> models.HumanInputDefault | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                default_type_0 = models.HumanInputDefault.from_dict(data)

                return default_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(models.HumanInputDefault | None, data)

        default = _parse_default(d.pop("default", None))

        def _parse_option_source(data: object) -> models.HumanInputOptions | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                option_source_type_0 = models.HumanInputOptions.from_dict(data)

                return option_source_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(models.HumanInputOptions | None, data)

        option_source = _parse_option_source(d.pop("option_source", None))

        allowed_file_types = d.pop("allowed_file_types", None)

        allowed_file_extensions = d.pop("allowed_file_extensions", None)

        allowed_file_upload_methods = d.pop("allowed_file_upload_methods", None)

        number_limits = d.pop("number_limits", None)

        human_input_field = cls(
            type_=type_,
            output_variable_name=output_variable_name,
            default=default,
            option_source=option_source,
            allowed_file_types=allowed_file_types,
            allowed_file_extensions=allowed_file_extensions,
            allowed_file_upload_methods=allowed_file_upload_methods,
            number_limits=number_limits,
        )

        human_input_field.additional_properties = d
        return human_input_field

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
