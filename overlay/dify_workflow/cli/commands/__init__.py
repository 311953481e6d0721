"""The commands: what each is called and takes, and in which order it does what.

Their modules cost nothing to import, so that help comes at once; what a command works with is
imported when it runs.
"""
