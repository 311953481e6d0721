"""The command ``dify-workflow``, also as ``python -m dify_workflow``."""

from __future__ import annotations

import sys
from collections.abc import Callable


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        from .cli import app
    except ImportError as error:
        if error.name not in {"click", "rich", "typer"}:
            raise
        sys.exit("The command line needs more: pip install 'dify-workflow[cli]'")
    reconfigure: Callable[..., None] | None = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a sign that it cannot show is shown as its code
    app()


if __name__ == "__main__":
    main()
