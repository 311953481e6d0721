"""Reports of runs: one HTML file, or a picture of the timeline, made from the events of a run."""

from .report import RunReport

__all__ = ["RunReport"]
