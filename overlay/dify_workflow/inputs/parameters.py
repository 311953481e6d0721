"""The answer to GET /parameters, with the inputs of the app in one form for all kinds."""

from __future__ import annotations

from dify_workflow_api.models import AppParameters

from .._json import abridged
from .._record import JSONText
from .fields import Field, fields_of_app


class WorkflowParameters(AppParameters, JSONText):
    """Inputs and features of an app (GET /parameters).

    It is the model of the answer, with `fields` beside; `to_dict` gives the answer itself.
    """

    @property
    def fields(self) -> tuple[Field, ...]:
        """The inputs that the app takes, in their order."""
        return tuple(fields_of_app(self))

    def __repr__(self) -> str:
        return f"WorkflowParameters(fields={abridged(repr(self.fields), 400)})"
