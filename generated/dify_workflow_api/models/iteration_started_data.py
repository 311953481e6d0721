from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models

if TYPE_CHECKING:
    from ..models.iteration_metadata import IterationMetadata


T = TypeVar("T", bound="IterationStartedData")


@_attrs_define
class IterationStartedData:
    """The iteration that started."""

    id: str
    """ Id of the iteration node. """
    node_id: str
    """ Id of the iteration node. """
    node_type: str
    """ `iteration`. """
    title: str
    """ Title of the node. """
    created_at: int
    """ Start (Unix seconds). """
    extras: Any
    """ JSON object; empty so far. """
    metadata: IterationMetadata
    """ The length of the iteration. """
    inputs: Any
    """ JSON object with the items under `iterator_selector`. """
    inputs_truncated: bool | None
    """ Whether `inputs` was cut. """
    parallel_id: None | str
    """ Id of the parallel section. """
    parallel_start_node_id: None | str
    """ Id of the branch's first node. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        node_id = self.node_id

        node_type = self.node_type

        title = self.title

        created_at = self.created_at

        extras = self.extras

        metadata = self.metadata.to_dict()

        inputs = self.inputs

        inputs_truncated: bool | None
        inputs_truncated = self.inputs_truncated

        parallel_id: None | str
        parallel_id = self.parallel_id

        parallel_start_node_id: None | str
        parallel_start_node_id = self.parallel_start_node_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "node_id": node_id,
                "node_type": node_type,
                "title": title,
                "created_at": created_at,
                "extras": extras,
                "metadata": metadata,
                "inputs": inputs,
                "inputs_truncated": inputs_truncated,
                "parallel_id": parallel_id,
                "parallel_start_node_id": parallel_start_node_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        node_id = d.pop("node_id", None)

        node_type = d.pop("node_type", None)

        title = d.pop("title", None)

        created_at = d.pop("created_at", None)

        extras = d.pop("extras", None)

        metadata = models.IterationMetadata.from_dict(d.pop("metadata", None))

        inputs = d.pop("inputs", None)

        inputs_truncated = d.pop("inputs_truncated", None)

        parallel_id = d.pop("parallel_id", None)

        parallel_start_node_id = d.pop("parallel_start_node_id", None)

        iteration_started_data = cls(
            id=id,
            node_id=node_id,
            node_type=node_type,
            title=title,
            created_at=created_at,
            extras=extras,
            metadata=metadata,
            inputs=inputs,
            inputs_truncated=inputs_truncated,
            parallel_id=parallel_id,
            parallel_start_node_id=parallel_start_node_id,
        )

        iteration_started_data.additional_properties = d
        return iteration_started_data

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
