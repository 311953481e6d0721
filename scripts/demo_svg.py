"""Writes a picture of the live view of the demo, while the demo writes its report."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from itertools import count, takewhile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from dify_workflow import StreamEvent, TextChunk
from dify_workflow.cli.console import errors
from dify_workflow.cli.demo import report
from dify_workflow.cli.live import LiveView
from dify_workflow.emulator import Emulator

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "demo.svg"
COLUMNS, LINES = 84, 24
SELECTOR = ["write", "text"]
WORDS = 45
"""The share of the report that is written in the picture."""
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def is_before_picture() -> Callable[[StreamEvent[object]], bool]:
    """Decides for each event whether it comes before the picture."""
    words = count(1)

    def is_before(event: StreamEvent[object]) -> bool:
        if not isinstance(event, TextChunk) or event.data.from_variable_selector != SELECTOR:
            return True
        return next(words) <= WORDS

    return is_before


def main() -> None:
    """Run the demo until the picture."""
    view = LiveView("Ctrl-C stops the run")
    errors.width, errors.height = COLUMNS, LINES
    with (
        Emulator(report) as emulator,
        emulator.client() as client,
        client.run_workflow_stream({"topic": "boxes"}) as stream,
    ):
        for event in takewhile(is_before_picture(), stream):
            view.show(event)
        frame = view._frame()  # noqa: SLF001  # the drawing without a terminal
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(frame)
    title = "dify-workflow run -i topic=boxes"
    picture = console.export_svg(title=title, theme=DIMMED_MONOKAI, unique_id="demo")
    # No fonts from elsewhere: a picture must not report its viewers.
    PICTURE.write_text(_FONTS.sub("", picture), encoding="utf-8")


if __name__ == "__main__":
    main()
