"""Names the extra to install if one of its packages is missing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


class MissingExtraError(ImportError):
    """A package of an extra is missing; the message has the command that installs the extra."""


@contextmanager
def needs(what: str, extra: str, *packages: str) -> Generator[None, None, None]:
    """If an import inside the block fails because a package is missing, name the extra.

    Args:
        what: What needs the packages, with a verb, such as ``"Parquet files need"``.
        extra: The extra that installs them.
        packages: The packages that are imported.

    Raises:
        MissingExtraError: A package is missing.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in packages:
            raise
        raise MissingExtraError(
            f"{what} more packages: pip install 'dify-workflow[{extra}]'", name=error.name
        ) from error
