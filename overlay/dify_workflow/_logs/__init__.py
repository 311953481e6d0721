"""The log, read by cursor, page by page or row by row."""
