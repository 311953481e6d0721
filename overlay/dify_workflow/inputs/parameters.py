"""The answer to GET /parameters, with the inputs of the app as one list of fields."""

from __future__ import annotations

from dify_workflow_api.models import AppParameters

from .fields import Field, fields_of_app


class WorkflowParameters(AppParameters):
    """Inputs and features of an app (GET /parameters).

    It has the keys of the answer as attributes, and `fields`. `to_dict` returns the answer itself.

    Example::

        names = [field.name for field in workflow.parameters().fields]
    """

    @property
    def fields(self) -> tuple[Field, ...]:
        """The inputs of the app, in their order.

        Returns:
            Each with its name, kind, label, default and limits.
        """
        return tuple(fields_of_app(self))
