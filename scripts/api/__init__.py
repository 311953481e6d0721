"""The public API of both packages as text, and what has changed in it for users.

`_snapshot` writes it as a line a fact, `_changes` tells what breaks users from what does not, and
`_release` says which version that takes and whether CHANGELOG.md explains it.
"""
