from typing import Literal

FileType = Literal["audio", "custom", "document", "image", "video"] | str
"""Type of a file."""

FILE_TYPE_VALUES: frozenset[str] = frozenset(
    {
        "audio",
        "custom",
        "document",
        "image",
        "video",
    }
)


def check_file_type(value: str) -> FileType:
    """Return the value as it is; FILE_TYPE_VALUES are the known ones."""
    return value
