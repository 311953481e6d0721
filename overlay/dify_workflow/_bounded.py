"""A dict with a maximum size, for what a client remembers."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V]):
    """A dict that drops its oldest keys when it is full.

    Args:
        max_size: How many keys it keeps.
    """

    def __init__(self, max_size: int) -> None:
        super().__init__()
        self._max_size = max_size

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        while len(self) > self._max_size:
            # Another thread may remove it first.
            self.pop(next(iter(self)), None)
