"""The inputs of an app: their fields, the rules for values, and the JSON that is sent."""

from .fields import Field, fields_of_app, fields_of_form, file_at
from .values import planned_inputs, problems, undeclared

__all__ = [
    "Field",
    "fields_of_app",
    "fields_of_form",
    "file_at",
    "planned_inputs",
    "problems",
    "undeclared",
]
