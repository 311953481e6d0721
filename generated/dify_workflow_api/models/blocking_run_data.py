from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models
from ..models.run_status import RunStatus, check_run_status

if TYPE_CHECKING:
    from ..models.pause_reason import PauseReason


T = TypeVar("T", bound="BlockingRunData")


@_attrs_define
class BlockingRunData:
    """How the run ended."""

    id: str
    """ Id of the run. """
    workflow_id: str
    """ Id of the published version that ran. """
    status: RunStatus
    """ Status of a run; `partial-succeeded` means that nodes failed and the failures were handled. """
    outputs: Any
    """ JSON object, value by name of the output; `{}` or null where the run did not succeed. """
    error: None | str
    """ Error text; null, from 1.4.1 to 1.9.1 an empty string, where there was none. """
    elapsed_time: float
    """ Duration of the run (its last leg) in seconds. """
    total_tokens: int
    """ Tokens that model calls used. """
    total_steps: int
    """ Nodes that ran; always 0 on 1.9.0 and 1.9.1. """
    created_at: int
    """ Start (Unix seconds). """
    finished_at: int | None
    """ End (Unix seconds); null while paused. """
    paused_nodes: list[str] | None
    """ Ids of the waiting nodes. """
    reasons: list[PauseReason] | None
    """ Why the run waits; one entry for each form. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        workflow_id = self.workflow_id

        status: str = self.status

        outputs = self.outputs

        error: None | str
        error = self.error

        elapsed_time = self.elapsed_time

        total_tokens = self.total_tokens

        total_steps = self.total_steps

        created_at = self.created_at

        finished_at: int | None
        finished_at = self.finished_at

        paused_nodes: list[str] | None
        if isinstance(self.paused_nodes, list):
            paused_nodes = self.paused_nodes

        else:
            paused_nodes = self.paused_nodes

        reasons: list[dict[str, Any]] | None
        if isinstance(self.reasons, list):
            reasons = []
            for reasons_type_0_item_data in self.reasons:
                reasons_type_0_item = reasons_type_0_item_data.to_dict()
                reasons.append(reasons_type_0_item)

        else:
            reasons = self.reasons

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "workflow_id": workflow_id,
                "status": status,
                "outputs": outputs,
                "error": error,
                "elapsed_time": elapsed_time,
                "total_tokens": total_tokens,
                "total_steps": total_steps,
                "created_at": created_at,
                "finished_at": finished_at,
                "paused_nodes": paused_nodes,
                "reasons": reasons,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        workflow_id = d.pop("workflow_id", None)

        status = check_run_status(d.pop("status", None))

        outputs = d.pop("outputs", None)

        error = d.pop("error", None)

        elapsed_time = d.pop("elapsed_time", None)

        total_tokens = d.pop("total_tokens", None)

        total_steps = d.pop("total_steps", None)

        created_at = d.pop("created_at", None)

        finished_at = d.pop("finished_at", None)

        paused_nodes = d.pop("paused_nodes", None)

        def _parse_reasons(data: object) -> list[models.PauseReason] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                reasons_type_0 = []
                _reasons_type_0 = data
                for reasons_type_0_item_data in _reasons_type_0:
                    reasons_type_0_item = models.PauseReason.from_dict(
                        reasons_type_0_item_data
                    )

                    reasons_type_0.append(reasons_type_0_item)

                return reasons_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[models.PauseReason] | None, data)

        reasons = _parse_reasons(d.pop("reasons", None))

        blocking_run_data = cls(
            id=id,
            workflow_id=workflow_id,
            status=status,
            outputs=outputs,
            error=error,
            elapsed_time=elapsed_time,
            total_tokens=total_tokens,
            total_steps=total_steps,
            created_at=created_at,
            finished_at=finished_at,
            paused_nodes=paused_nodes,
            reasons=reasons,
        )

        blocking_run_data.additional_properties = d
        return blocking_run_data

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
