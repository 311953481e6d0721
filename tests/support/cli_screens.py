"""What tests of the live view share."""

from __future__ import annotations

FOOT = "Ctrl-C stops the run"
