from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models

if TYPE_CHECKING:
    from ..models.workflow_log_entry import WorkflowLogEntry


T = TypeVar("T", bound="WorkflowLogPage")


@_attrs_define
class WorkflowLogPage:
    """One page of runs."""

    page: int
    """ Number of the page. """
    limit: int
    """ Rows a page. """
    total: int
    """ Rows that match the filters now. """
    has_more: bool
    """ Whether `total` exceeds `page` times `limit`. """
    data: list[WorkflowLogEntry]
    """ The rows. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        page = self.page

        limit = self.limit

        total = self.total

        has_more = self.has_more

        data = []
        for data_item_data in self.data:
            data_item = data_item_data.to_dict()
            data.append(data_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "page": page,
                "limit": limit,
                "total": total,
                "has_more": has_more,
                "data": data,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        page = d.pop("page", None)

        limit = d.pop("limit", None)

        total = d.pop("total", None)

        has_more = d.pop("has_more", None)

        data = []
        _data = d.pop("data", None)
        for data_item_data in _data:
            data_item = models.WorkflowLogEntry.from_dict(data_item_data)

            data.append(data_item)

        workflow_log_page = cls(
            page=page,
            limit=limit,
            total=total,
            has_more=has_more,
            data=data,
        )

        workflow_log_page.additional_properties = d
        return workflow_log_page

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
