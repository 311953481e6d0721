"""What is installed with extras, and what is said where it is not."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def needs(package: str, extra: str, what: str) -> Generator[None, None, None]:
    """Say which extra to install where an import within fails for the lack of a package.

    Args:
        package: The package that is imported.
        extra: The extra that brings it.
        what: What needs it, with its verb, such as ``"Parquet files need"``.

    Raises:
        ImportError: It is not installed.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise ImportError(
            f"{what} more: pip install 'dify-workflow[{extra}]'", name=error.name
        ) from error
