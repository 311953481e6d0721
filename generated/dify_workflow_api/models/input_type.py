from typing import Literal

InputType = (
    Literal[
        "checkbox",
        "external_data_tool",
        "file",
        "file-list",
        "json_object",
        "number",
        "paragraph",
        "select",
        "text-input",
    ]
    | str
)
"""Type of an input of the app."""

INPUT_TYPE_VALUES: frozenset[str] = frozenset(
    {
        "checkbox",
        "external_data_tool",
        "file",
        "file-list",
        "json_object",
        "number",
        "paragraph",
        "select",
        "text-input",
    }
)


def check_input_type(value: str) -> InputType:
    """Return the value as it is; INPUT_TYPE_VALUES are the known ones."""
    return value
