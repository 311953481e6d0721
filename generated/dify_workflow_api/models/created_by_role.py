from typing import Literal

CreatedByRole = Literal["account", "end_user"] | str
"""Who started the run."""

CREATED_BY_ROLE_VALUES: frozenset[str] = frozenset(
    {
        "account",
        "end_user",
    }
)


def check_created_by_role(value: str) -> CreatedByRole:
    """Return the value as it is; CREATED_BY_ROLE_VALUES are the known ones."""
    return value
