"""Event streams: from bytes to events, and how a run is found again whose stream is lost."""
