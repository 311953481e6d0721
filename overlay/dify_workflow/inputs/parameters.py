"""The answer to GET /parameters, with the inputs of the app as one list of fields."""

from __future__ import annotations

from dify_workflow_api.models import AppParameters

from .._json import abridged
from .._record import JSONText
from .fields import Field, fields_of_app


class WorkflowParameters(AppParameters, JSONText):
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

    def __repr__(self) -> str:
        return f"WorkflowParameters(fields={abridged(repr(self.fields), 400)})"
