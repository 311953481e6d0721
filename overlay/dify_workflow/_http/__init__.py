"""How requests are sent, and what becomes of them: options, retries, deadlines, connections."""
