from typing import Literal

FormFieldType = Literal["file", "file-list", "paragraph", "select"] | str

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
