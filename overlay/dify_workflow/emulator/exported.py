"""An exported app as a workflow of the emulator: it checks inputs, and its outputs are stubs."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from .._json import JSON, JSONObject
from ..dsl import AppInput, End, ExportedApp, fits, read_app, stub
from .nodes import node
from .workflows import Input, Step, Workflow


def app_from_dsl(
    source: str | os.PathLike[str],
    *,
    outputs: Mapping[str, JSON] | None = None,
    name: str | None = None,
) -> Workflow:
    """Make a workflow with the inputs of an exported app and with given outputs.

    A run has the nodes that are in every run of the app. Needs
    ``pip install dify-workflow[types]``.

    Args:
        source: Path of the app as Dify exports it (DSL).
        outputs: Value by name of the output, all of one End node; the others of that node are
            empty. By default the first End node, with all outputs empty.
        name: Name of the workflow; its key is ``app-<name>``. By default the file's.

    Returns:
        The workflow.

    Raises:
        DSLError: The file is not an exported workflow app.
        ValueError: The app has no such output, or it has another type.
        ImportError: PyYAML is not installed.

    Example::

        story = app_from_dsl("story.yml", outputs={"words": 7})
        emulator.serve(story)
    """
    app = read_app(source)
    end = _end_of(app, outputs or {}, str(source))
    given = {each.name: stub(each.type) for each in end.outputs} if end else {}
    given |= outputs or {}
    passed = [each for each in app.nodes if end and each.id in end.before]

    def run(_inputs: JSONObject) -> Generator[Step, Any, JSONObject]:
        for each in passed:
            if each.type not in {"start", "end"} and each.parent is None:
                yield from node(each.id, type=each.type, title=each.title)
        return dict(given)

    return Workflow(
        name=name or Path(source).stem,
        body=run,
        inputs=tuple(map(_input, app.inputs)),
        description=app.description,
    )


def _end_of(app: ExportedApp, outputs: Mapping[str, JSON], source: str) -> End | None:
    """Return the End node with these outputs; None if the app has no End node.

    Raises:
        ValueError: No End node has these outputs, or one has another type.
    """
    ends = app.ends or ()
    wrong: list[str] = []
    for end in ends:
        types = {each.name: each.type for each in end.outputs}
        if outputs.keys() <= types.keys():
            wrong = [name for name, value in outputs.items() if not fits(types[name], value)]
            if not wrong:
                return end
    if wrong:
        raise ValueError(f"{source} has another type for: {', '.join(wrong)}.")
    if outputs:
        known = " or ".join(", ".join(each.name for each in end.outputs) for end in ends)
        raise ValueError(f"{source} has {known or 'no outputs'}, not {', '.join(outputs)}.")
    return None


def _input(each: AppInput) -> Input:
    return Input(
        name=each.name,
        type=each.kind,
        label=each.label,
        required=each.required,
        max_length=each.max_length or 0,
        options=each.options,
        default=each.default,
        file_types=each.file_types,
    )
