from typing import Literal

CreatedFrom = Literal["installed-app", "openapi", "service-api", "web-app"] | str
"""The place where the run was started."""

CREATED_FROM_VALUES: frozenset[str] = frozenset(
    {
        "installed-app",
        "openapi",
        "service-api",
        "web-app",
    }
)


def check_created_from(value: str) -> CreatedFrom:
    """Return the value as it is; CREATED_FROM_VALUES are the known ones."""
    return value
