"""Reports of runs: one HTML file, or the picture of a timeline, out of a run's events."""

from ._report import RunReport

__all__ = ["RunReport"]
