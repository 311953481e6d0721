"""A run as its events tell it, folded once for live views, reports, traces and the emulator."""
