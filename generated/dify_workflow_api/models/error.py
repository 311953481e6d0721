from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Error")


@_attrs_define
class Error:
    """The application's report of an error. There are three forms for invalid parameters: `params` up to 1.7, `errors`
    without `code` in 1.8 to 1.10, and a text of several lines since then.

    """

    code: None | str
    """ Name of the error, such as `invalid_param`. """
    message: str
    """ What went wrong; may be empty. """
    status: int | None
    """ The HTTP status again. """
    params: None | str
    """ Name of the parameter at fault. """
    errors: Any
    """ Message by name of the invalid parameter, a JSON object. """
    details: Any
    """ More about the error, a JSON object. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code: None | str
        code = self.code

        message = self.message

        status: int | None
        status = self.status

        params: None | str
        params = self.params

        errors = self.errors

        details = self.details

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "message": message,
                "status": status,
                "params": params,
                "errors": errors,
                "details": details,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        code = d.pop("code", None)

        message = d.pop("message", None)

        status = d.pop("status", None)

        params = d.pop("params", None)

        errors = d.pop("errors", None)

        details = d.pop("details", None)

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
