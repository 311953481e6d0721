"""Names in Python for the names that people use in Dify."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable

from ..dsl import Node
from ..errors import InvalidRequestError

FROM_TYPING = (
    *("Any", "Final", "Literal", "NotRequired", "TypeAlias", "TypedDict", "Unpack"),
    *("final", "overload"),
)
FROM_US = (
    *("AsyncRunOptions", "AsyncTypedApp", "AsyncWorkflowStream", "OutputFile", "RunOptions"),
    *("StreamOptions", "SubmitOptions", "TypedApp", "UploadedFile", "WorkflowFile"),
    *("WorkflowRunResponse", "WorkflowStream"),
)
"""Names that modules import."""

_OF_ANNOTATIONS = frozenset(
    {
        *("Any", "Literal", "NotRequired", "OutputFile", "Path", "UploadedFile", "WorkflowFile"),
        *("bool", "dict", "float", "int", "list", "str"),
    }
)
USED = _OF_ANNOTATIONS.union(FROM_TYPING, FROM_US)
"""Names that modules use themselves, so that nothing else can have them."""

TAKEN_BY_OPTIONS = frozenset({"self", "inputs", "user", "deadline"})
"""Names of inputs that cannot be keywords of the methods."""

_LONGEST = 27
"""Maximum length of a class name, so that lines stay short."""

_WORD = re.compile(r"[A-Za-z0-9]+")


def is_plain(name: str) -> bool:
    """Whether a name can be a key in the body of a TypedDict class."""
    is_special = name.startswith("__")  # Python changes such names or uses them itself
    return is_name(name) and not is_special and name not in _OF_ANNOTATIONS


def is_name(name: str) -> bool:
    """Whether a text can be a name in Python; only ASCII, because Python changes some letters."""
    is_taken = keyword.iskeyword(name) or name == "__debug__"
    return name.isascii() and name.isidentifier() and not is_taken


def named_after(text: str) -> str:
    """A class name made from a text, such as ``StoryTeller`` from ``story-teller.yml``."""
    words = _WORD.findall(text)
    name = "".join(word[0].upper() + word[1:] for word in words)[:_LONGEST]
    if not name:
        return "App"
    if name[0].isdigit():
        name = f"App{name}"
    is_used = name in USED or f"Async{name}" in USED or keyword.iskeyword(name)
    return f"{name}App" if is_used else name


def checked(name: str) -> str:
    """Check the class name that a person gave.

    Raises:
        InvalidRequestError: It is not a valid name, or modules use it themselves.
    """
    if len(name) > _LONGEST or named_after(name) != name:
        raise InvalidRequestError(
            f"A class name must be like Story: at most {_LONGEST} letters and digits, and not a "
            f"name that the module uses itself; not {name!r}."
        )
    return name


class Names:
    """Gives names in a module, each only once.

    Args:
        taken: Names that are in use already.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._given = {*taken, *USED}
        self._numbers: Counter[str] = Counter()

    def new(self, name: str) -> str:
        """The name, followed by a number if it is in use already."""
        found = name
        while found in self._given:
            self._numbers[name] += 1
            found = f"{name}{self._numbers[name] + 1}"
        self._given.add(found)
        return found


def constants(nodes: Iterable[Node]) -> dict[str, str]:
    """Id of the node by the name of its constant.

    The name is the title in capitals. If several nodes have the title, or if it has letters outside
    ASCII, the id of the node is added.
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
        ends: Id and title of each node.
        prefix: Text at the beginning of each name.
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
