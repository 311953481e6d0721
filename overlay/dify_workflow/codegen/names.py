"""Names of Python for what people have named in Dify."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable

from ..dsl import Node
from ..errors import InvalidRequestError

_OF_ANNOTATIONS = frozenset(
    {
        *("Any", "Literal", "NotRequired", "OutputFile", "Path", "UploadedFile", "WorkflowFile"),
        *("bool", "dict", "float", "int", "list", "str"),
    }
)
USED = _OF_ANNOTATIONS | {
    *("AsyncRunOptions", "AsyncTypedApp", "AsyncWorkflowStream", "Final", "RunOptions"),
    *("StreamOptions", "SubmitOptions", "TypeAlias", "TypedApp", "TypedDict", "Unpack"),
    *("WorkflowRunResponse", "WorkflowStream", "final", "overload"),
}
"""Names that modules use, so that nothing else may have them there."""

TAKEN_BY_OPTIONS = frozenset({"self", "inputs", "user", "deadline"})
"""Names of inputs that cannot be given by keyword."""

_LONGEST = 27
"""Characters of the name of a class, so that its lines stay short."""

_WORD = re.compile(r"[A-Za-z0-9]+")


def is_plain(name: str) -> bool:
    """Whether a name can stand before a colon in the body of a class, and means itself there."""
    is_special = name.startswith("__")  # Python changes it, or has one of its own
    return is_name(name) and not is_special and name not in _OF_ANNOTATIONS


def is_name(name: str) -> bool:
    """Whether a text can be a name in Python; letters that Python would write otherwise cannot."""
    is_taken = keyword.iskeyword(name) or name == "__debug__"
    return name.isascii() and name.isidentifier() and not is_taken


def named_after(text: str) -> str:
    """A name of a class after a text, such as ``StoryTeller`` after ``story-teller.yml``."""
    words = _WORD.findall(text)
    name = "".join(word[0].upper() + word[1:] for word in words)[:_LONGEST]
    if not name:
        return "App"
    if name[0].isdigit():
        name = f"App{name}"
    is_used = name in USED or f"Async{name}" in USED or keyword.iskeyword(name)
    return f"{name}App" if is_used else name


def checked(name: str) -> str:
    """A name that a person gave a class.

    Raises:
        InvalidRequestError: It is no name, or one that modules use themselves.
    """
    if len(name) > _LONGEST or named_after(name) != name:
        raise InvalidRequestError(
            f"A class is named like Story, in at most {_LONGEST} letters and digits, and as "
            f"nothing else is; not {name!r}."
        )
    return name


class Names:
    """The names of a module, each given once.

    Args:
        taken: Names that are given already.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._given = {*taken, *USED}
        self._numbers: Counter[str] = Counter()

    def new(self, name: str) -> str:
        """A name, with a number behind it where it is given already."""
        found = name
        while found in self._given:
            self._numbers[name] += 1
            found = f"{name}{self._numbers[name] + 1}"
        self._given.add(found)
        return found


def constants(nodes: Iterable[Node]) -> dict[str, str]:
    """Id of the node by the name of its constant.

    That is the title in capitals, with the id of the node behind it where several have the title,
    or it has other letters than ASCII.
    """
    nodes = list(nodes)
    titles = Counter(_capitals(node.title) for node in nodes)
    names = Names(())
    found: dict[str, str] = {}
    for node in nodes:
        name = _capitals(node.title)
        if not name or not node.title.isascii() or titles[name] > 1:
            name = "_".join(filter(None, (name or _capitals(node.type), _capitals(node.id))))
        name = name or "NODE"
        found[names.new(f"NODE_{name}" if name[0].isdigit() else name)] = node.id
    return found


def end_names(ends: Iterable[tuple[str, str]], prefix: str, names: Names) -> list[str]:
    """A name for the outputs of each End node, by the same rule.

    Args:
        ends: Id and title of each.
        prefix: What each begins with.
        names: The names of the module.
    """
    ends = list(ends)
    titles = Counter(title for _, title in ends)
    return [
        names.new(prefix + _camel(title if title.isascii() and titles[title] == 1 else end_id))
        for end_id, title in ends
    ]


def _camel(text: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in _WORD.findall(text))[:_LONGEST]


def part_name(parent: str, key: str) -> str:
    """The name of the type of a key's value."""
    return (parent + (_camel(key) or "Part"))[: 2 * _LONGEST]


def _capitals(text: str) -> str:
    return "_".join(_WORD.findall(text)).upper()[: 2 * _LONGEST].rstrip("_")
