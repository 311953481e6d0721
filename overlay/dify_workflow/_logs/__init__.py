"""Reads the log of runs by cursor, page by page or row by row."""
