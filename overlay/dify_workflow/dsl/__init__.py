"""Read apps that were exported from Dify as DSL: their inputs, outputs and nodes.

Needs ``pip install dify-workflow[types]``::

    from dify_workflow.dsl import read_app

    app = read_app("story.yml")
    print([each.name for each in app.inputs], [node.title for node in app.nodes])
"""

from .app import NEWEST, End, ExportedApp, Output, app_of, read_app
from .graph import Node
from .inputs import AppInput, inputs_of_form, inputs_of_variables
from .text import DSLError
from .types import Choice, Key, ListOf, OneOf, Plain, Record, Type, Unknown, one_of
from .values import fits, stub

__all__ = [
    "NEWEST",
    "AppInput",
    "Choice",
    "DSLError",
    "End",
    "ExportedApp",
    "Key",
    "ListOf",
    "Node",
    "OneOf",
    "Output",
    "Plain",
    "Record",
    "Type",
    "Unknown",
    "app_of",
    "fits",
    "inputs_of_form",
    "inputs_of_variables",
    "one_of",
    "read_app",
    "stub",
]
