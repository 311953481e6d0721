from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="IterationMetadata")


@_attrs_define
class IterationMetadata:
    """The length of the iteration."""

    iteration_length: int | None
    """ Number of items. """
    iterator_length: int | None
    """ Number of items. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        iteration_length: int | None
        iteration_length = self.iteration_length

        iterator_length: int | None
        iterator_length = self.iterator_length

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "iteration_length": iteration_length,
                "iterator_length": iterator_length,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        iteration_length = d.pop("iteration_length", None)

        iterator_length = d.pop("iterator_length", None)

        iteration_metadata = cls(
            iteration_length=iteration_length,
            iterator_length=iterator_length,
        )

        iteration_metadata.additional_properties = d
        return iteration_metadata

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
