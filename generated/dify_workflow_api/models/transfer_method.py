from typing import Literal

TransferMethod = (
    Literal["datasource_file", "local_file", "remote_url", "tool_file"] | str
)
"""The place of a file: uploaded (`local_file`), at a URL, or made by a tool."""

TRANSFER_METHOD_VALUES: frozenset[str] = frozenset(
    {
        "datasource_file",
        "local_file",
        "remote_url",
        "tool_file",
    }
)


def check_transfer_method(value: str) -> TransferMethod:
    """Return the value as it is; TRANSFER_METHOD_VALUES are the known ones."""
    return value
