"""The command line; needs ``pip install dify-workflow[cli]``."""

from ._app import app
from ._exits import defect

__all__ = ["app", "defect"]
