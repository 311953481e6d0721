"""The command line; needs ``pip install dify-workflow[cli]``."""

from .app import app
from .exits import defect

__all__ = ["app", "defect"]
