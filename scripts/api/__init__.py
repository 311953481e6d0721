"""The public API of both packages as text, and what has changed in it for users.

`_snapshot` writes one line for each fact. `_changes` separates breaking changes from others.
`_release` says which version the changes require, and whether CHANGELOG.md explains them.
"""
