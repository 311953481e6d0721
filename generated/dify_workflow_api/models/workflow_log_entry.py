from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models
from ..models.created_by_role import CreatedByRole, check_created_by_role
from ..models.created_from import CreatedFrom, check_created_from

if TYPE_CHECKING:
    from ..models.account import Account
    from ..models.end_user_summary import EndUserSummary
    from ..models.workflow_log_run import WorkflowLogRun


T = TypeVar("T", bound="WorkflowLogEntry")


@_attrs_define
class WorkflowLogEntry:
    """One row of the logs."""

    id: str
    """ Id of the row; not the run id. """
    workflow_run: None | WorkflowLogRun
    """ The run; null if it was deleted. """
    details: Any
    """ Always null in what the service API shows. """
    created_from: CreatedFrom
    """ The place where the run was started. """
    created_by_role: CreatedByRole
    """ Who started the run. """
    created_by_account: Account | None
    """ The account that started the run; null for an end user's run. """
    created_by_end_user: EndUserSummary | None
    """ The end user who started the run; null for an account's run, and if the user was deleted. """
    created_at: int
    """ Time of the row (Unix seconds, rounded: up to 1 s after the run's). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        workflow_run: dict[str, Any] | None
        if isinstance(self.workflow_run, models.WorkflowLogRun):
            workflow_run = self.workflow_run.to_dict()
        else:
            workflow_run = self.workflow_run

        details = self.details

        created_from: str = self.created_from

        created_by_role: str = self.created_by_role

        created_by_account: dict[str, Any] | None
        if isinstance(self.created_by_account, models.Account):
            created_by_account = self.created_by_account.to_dict()
        else:
            created_by_account = self.created_by_account

        created_by_end_user: dict[str, Any] | None
        if isinstance(self.created_by_end_user, models.EndUserSummary):
            created_by_end_user = self.created_by_end_user.to_dict()
        else:
            created_by_end_user = self.created_by_end_user

        created_at = self.created_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "workflow_run": workflow_run,
                "details": details,
                "created_from": created_from,
                "created_by_role": created_by_role,
                "created_by_account": created_by_account,
                "created_by_end_user": created_by_end_user,
                "created_at": created_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        def _parse_workflow_run(data: object) -> None | models.WorkflowLogRun:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                workflow_run_type_0 = models.WorkflowLogRun.from_dict(data)

                return workflow_run_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | models.WorkflowLogRun, data)

        workflow_run = _parse_workflow_run(d.pop("workflow_run", None))

        details = d.pop("details", None)

        created_from = check_created_from(d.pop("created_from", None))

        created_by_role = check_created_by_role(d.pop("created_by_role", None))

        def _parse_created_by_account(data: object) -> models.Account | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                created_by_account_type_0 = models.Account.from_dict(data)

                return created_by_account_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(models.Account | None, data)

        created_by_account = _parse_created_by_account(
            d.pop("created_by_account", None)
        )

        def _parse_created_by_end_user(data: object) -> models.EndUserSummary | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                created_by_end_user_type_0 = models.EndUserSummary.from_dict(data)

                return created_by_end_user_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(models.EndUserSummary | None, data)

        created_by_end_user = _parse_created_by_end_user(
            d.pop("created_by_end_user", None)
        )

        created_at = d.pop("created_at", None)

        workflow_log_entry = cls(
            id=id,
            workflow_run=workflow_run,
            details=details,
            created_from=created_from,
            created_by_role=created_by_role,
            created_by_account=created_by_account,
            created_by_end_user=created_by_end_user,
            created_at=created_at,
        )

        workflow_log_entry.additional_properties = d
        return workflow_log_entry

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
