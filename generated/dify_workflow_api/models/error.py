from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Error")


@_attrs_define
class Error:
    """How the application reports an error. Three shapes exist for bad parameters: `params` up to 1.7, `errors` without
    `code` in 1.8 to 1.10, a text of several lines since.

    """

    code: str | Unset = UNSET
    """ Name of the error, such as `invalid_param`. Missing beside `errors`. """
    message: str | Unset = UNSET
    """ What went wrong; may be empty. """
    status: int | Unset = UNSET
    """ The HTTP status again. Missing in some answers of servers before 1.11. """
    params: str | Unset = UNSET
    """ Name of the parameter at fault. """
    errors: Any | Unset = UNSET
    """ Message by name of the parameter at fault, a JSON object. """
    details: Any | Unset = UNSET
    """ More about `plugin_runtime_error`, a JSON object. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        message = self.message

        status = self.status

        params = self.params

        errors = self.errors

        details = self.details

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if code is not UNSET:
            field_dict["code"] = code
        if message is not UNSET:
            field_dict["message"] = message
        if status is not UNSET:
            field_dict["status"] = status
        if params is not UNSET:
            field_dict["params"] = params
        if errors is not UNSET:
            field_dict["errors"] = errors
        if details is not UNSET:
            field_dict["details"] = details

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        code = d.pop("code", UNSET)

        message = d.pop("message", UNSET)

        status = d.pop("status", UNSET)

        params = d.pop("params", UNSET)

        errors = d.pop("errors", UNSET)

        details = d.pop("details", UNSET)

        error = cls(
            code=code,
            message=message,
            status=status,
            params=params,
            errors=errors,
            details=details,
        )

        error.additional_properties = d
        return error

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
