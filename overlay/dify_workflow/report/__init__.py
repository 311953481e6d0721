"""Reports of runs: one HTML file, or the picture of a timeline, out of a run's events."""

from .report import RunReport

__all__ = ["RunReport"]
