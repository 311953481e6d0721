from typing import Literal

FormFieldType = Literal["file", "file-list", "paragraph", "select"] | str
"""Type of a field in a human-input form; all but `paragraph` exist since 1.15.0."""

FORM_FIELD_TYPE_VALUES: frozenset[str] = frozenset(
    {
        "file",
        "file-list",
        "paragraph",
        "select",
    }
)


def check_form_field_type(value: str) -> FormFieldType:
    """Return the value as it is; FORM_FIELD_TYPE_VALUES are the known ones."""
    return value
