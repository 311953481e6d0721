"""The commands: their names, arguments and steps.

Importing these modules is fast, so that help appears at once. A command imports what it needs when
it runs.
"""
