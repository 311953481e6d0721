"""The view of a run in a terminal: a tree that is updated while the run is running."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from .._json import JSON, is_list
from ..events.base import StreamEvent
from ..models import WorkflowRunResponse
from ..timeline.inert import inert, inert_line, json_text
from ..timeline.text import counted, duration
from .console import errors, output
from .lines import spinner, text_lines, title_lines, tree_lines, unreadable_line
from .render import by_name, show_end
from .tree import RunTree
from .view import View

_FRAMES_PER_SECOND = 12
_MARGIN = 2
"""Free columns: terminals disagree on the width of some characters, and show ``^C``."""
_TEXT_INDENT = 2


class LiveView(View):
    """A tree of nodes with time and tokens, and below it the text as it streams.

    It is never higher than the terminal: if something does not fit, its end is shown. When the view
    is left, the whole tree stays, and the text stays if the outputs do not repeat it.

    Args:
        hint: What Ctrl-C does.
    """

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._tree = RunTree()
        self._run: WorkflowRunResponse | None = None
        self._lock = threading.Lock()  # another thread draws the frames
        self._live = Live(
            get_renderable=self._frame,
            console=errors,
            refresh_per_second=_FRAMES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def show(self, event: StreamEvent[object]) -> None:
        """Show an event with the next frame."""
        with self._lock:
            self._tree.take(event)

    def end(self, run: WorkflowRunResponse) -> None:
        """Show how the run ended, after the view is left."""
        with self._lock:
            self._run = run
            self._tree.settle(run.status)

    def say(self, text: str) -> None:
        """Show a message below the tree."""
        self._hint = inert_line(text)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._live.stop()
        finally:  # also after an exception
            errors.show_cursor()
        for line in title_lines(self._tree) if self._tree.run_id else ():
            errors.print(line)
        for line in tree_lines(self._tree, errors.width - _MARGIN):
            errors.print(line)
        if self._tree.unreadable:
            errors.print(unreadable_line(self._tree.unreadable))
        text = self._tree.text.lstrip("\n").rstrip()
        if text and not _is_repeated(text, self._run.outputs if self._run else {}):
            output.print(Text(f"\n{inert(text)}"))
        if self._run:
            show_end(self._run, self._tree)

    def _frame(self) -> Group:
        width, height = errors.width - _MARGIN, errors.height - 1
        with self._lock:
            body = self._body(width, height - 1)
            foot = self._foot(width)
        return Group(*[*body, foot][-height:])

    def _body(self, width: int, height: int) -> list[Text]:
        """The tree and the end of the text; at least half of the height is for the tree."""
        if not self._tree.run_id:
            return []
        title = title_lines(self._tree)
        room = height - len(title) - 1  # beside the title and an empty line above the foot
        nodes = sum(1 for _ in self._tree.walk())
        most = max(room - nodes, room // 2) - 1  # lines of text, below an empty line
        shown = text_lines(self._tree.text[-width * height :], width - _TEXT_INDENT, most, errors)
        left = room - (len(shown) + 1 if shown else 0)
        lines = [*title, *tree_lines(self._tree, width, height=left, spins=True)]
        if shown:
            lines += [Text(), *(Text(" " * _TEXT_INDENT) + line for line in shown)]
        return [*lines, Text()]

    def _foot(self, width: int) -> Text:
        facts = [duration(self._tree.now - self._tree.began)]
        facts += [counted(self._tree.tokens, "token")] if self._tree.tokens else []
        foot = Text.assemble(spinner(self._tree.now), " ")
        foot.append("  ".join([*facts, self._hint]), style="dim")
        foot.truncate(width - len("^C"), overflow="ellipsis")
        return foot


def _is_repeated(text: str, outputs: JSON) -> bool:
    """Whether the text has nothing but the outputs, which servers since Dify 1.9 stream."""
    for value in sorted(map(_as_streamed, by_name(outputs).values()), key=len, reverse=True):
        text = text.replace(value.strip(), "", 1)
    return not text.strip()


def _as_streamed(value: JSON) -> str:
    """An output as the server streams it: a list as lines, an object as JSON."""
    if is_list(value):
        return "\n".join(f"- {_as_streamed(item)}" for item in value)
    return value if isinstance(value, str) else str(value) if value is None else json_text(value)
