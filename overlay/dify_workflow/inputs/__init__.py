"""The inputs of an app: their fields, the rules for values, and the JSON that is sent."""

from .fields import Field, fields_of_app, fields_of_form, file_at
from .rules import problems, undeclared
from .wire import planned_inputs

__all__ = [
    "Field",
    "fields_of_app",
    "fields_of_form",
    "file_at",
    "planned_inputs",
    "problems",
    "undeclared",
]
