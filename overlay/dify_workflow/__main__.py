"""The command ``dify-workflow``, also as ``python -m dify_workflow``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        from .cli import app
    except ImportError as error:
        if error.name not in {"click", "rich", "typer"}:
            raise
        sys.exit("The command line needs more: pip install 'dify-workflow[cli]'")
    app()


if __name__ == "__main__":
    main()
