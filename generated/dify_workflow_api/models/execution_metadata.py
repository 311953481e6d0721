from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ExecutionMetadata")


@_attrs_define
class ExecutionMetadata:
    """The cost of a node, and the part of the workflow around it; each key only if it applies."""

    total_tokens: int | None
    """ Tokens that the model call used. """
    total_price: None | str
    """ Price of the model call, a decimal number as text. """
    currency: None | str
    """ Currency of the price (ISO 4217), such as `USD`. """
    iteration_id: None | str
    """ Id of the iteration node around. """
    iteration_index: int | None
    """ Number of the item, from 0. """
    loop_id: None | str
    """ Id of the loop node around. """
    loop_index: int | None
    """ Number of the round, from 0. """
    parallel_id: None | str
    """ Id of the parallel section. """
    parallel_start_node_id: None | str
    """ Id of the branch's first node. """
    parallel_mode_run_id: None | str
    """ Id of the round. """
    error_strategy: None | str
    """ How it was handled, such as `default-value` or `fail-branch`. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        total_tokens: int | None
        total_tokens = self.total_tokens

        total_price: None | str
        total_price = self.total_price

        currency: None | str
        currency = self.currency

        iteration_id: None | str
        iteration_id = self.iteration_id

        iteration_index: int | None
        iteration_index = self.iteration_index

        loop_id: None | str
        loop_id = self.loop_id

        loop_index: int | None
        loop_index = self.loop_index

        parallel_id: None | str
        parallel_id = self.parallel_id

        parallel_start_node_id: None | str
        parallel_start_node_id = self.parallel_start_node_id

        parallel_mode_run_id: None | str
        parallel_mode_run_id = self.parallel_mode_run_id

        error_strategy: None | str
        error_strategy = self.error_strategy

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "total_tokens": total_tokens,
                "total_price": total_price,
                "currency": currency,
                "iteration_id": iteration_id,
                "iteration_index": iteration_index,
                "loop_id": loop_id,
                "loop_index": loop_index,
                "parallel_id": parallel_id,
                "parallel_start_node_id": parallel_start_node_id,
                "parallel_mode_run_id": parallel_mode_run_id,
                "error_strategy": error_strategy,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        total_tokens = d.pop("total_tokens", None)

        total_price = d.pop("total_price", None)

        currency = d.pop("currency", None)

        iteration_id = d.pop("iteration_id", None)

        iteration_index = d.pop("iteration_index", None)

        loop_id = d.pop("loop_id", None)

        loop_index = d.pop("loop_index", None)

        parallel_id = d.pop("parallel_id", None)

        parallel_start_node_id = d.pop("parallel_start_node_id", None)

        parallel_mode_run_id = d.pop("parallel_mode_run_id", None)

        error_strategy = d.pop("error_strategy", None)

        execution_metadata = cls(
            total_tokens=total_tokens,
            total_price=total_price,
            currency=currency,
            iteration_id=iteration_id,
            iteration_index=iteration_index,
            loop_id=loop_id,
            loop_index=loop_index,
            parallel_id=parallel_id,
            parallel_start_node_id=parallel_start_node_id,
            parallel_mode_run_id=parallel_mode_run_id,
            error_strategy=error_strategy,
        )

        execution_metadata.additional_properties = d
        return execution_metadata

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
