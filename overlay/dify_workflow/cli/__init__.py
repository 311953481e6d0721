"""The command line; needs ``pip install dify-workflow[cli]``."""

from ._app import app

__all__ = ["app"]
