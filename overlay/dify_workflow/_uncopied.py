"""The base class of objects that cannot be copied or pickled."""

from __future__ import annotations

from typing import ClassVar, NoReturn


class Uncopied:
    """An object with open connections, or with a position that only one reader can have."""

    __slots__ = ()

    _instead: ClassVar[str]
    """What to do instead of a copy, for the message."""

    def __reduce__(self) -> NoReturn:  # `copy` calls it, too
        raise TypeError(f"{type(self).__name__} cannot be copied or pickled; {self._instead}")
