"""What a row shows when it is opened: what a node took and gave, and what went on in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .._json import JSON, JSONObject, is_list
from .._text import counted
from ..timeline.facts import Facts
from ..timeline.model import Execution, Form
from .markup import Markup, element, join
from .rows import Row
from .values import block, brief, moment, value_sections

_DEEPEST = 8
"""Steps of an agent that are shown as standing inside each other."""


def details_of(row: Row) -> Markup | None:
    """What a row shows when it is opened; None where there is nothing.

    Args:
        row: The row.
    """
    if row.round is not None:
        if row.round.before is None:
            return None
        return _box(value_sections({"Result of the one before": row.round.before}))
    return _box(*_of(row.execution)) if row.execution else None


def _box(*children: Markup) -> Markup:
    return element("div", {"class": "detail"}, *children)


def _of(node: Execution) -> Iterator[Markup]:
    if node.is_container:
        # What is inside is seen first; the rest is one step away.
        content = join(*_all(node))
        yield element("details", {}, element("summary", {}, "Inputs and outputs"), content)
    else:
        yield from _all(node)


def _all(node: Execution) -> Iterator[Markup]:
    ids = f", execution {node.id}" if node.id != node.node_id else ""
    yield element("p", {"class": "ids"}, f"Node {node.node_id}{ids}")
    if node.error:
        yield element("section", {}, element("h3", {}, "Error"), block(node.error, "error"))
    if node.attempts:
        yield element("section", {}, element("h3", {}, "Failed attempts"), _attempts(node))
    for form in node.forms.values():
        yield _form(form)
    if node.steps:
        yield element("section", {}, element("h3", {}, "Steps"), _steps(node.steps))
    if node.reasoning:
        text = node.reasoning.getvalue()
        yield element("section", {}, element("h3", {}, "Reasoning"), block(text, "is-text"))
    if node.streamed:
        first = brief(max(node.streamed.begin.time - node.begin.time, 0.0))
        pieces = counted(node.streamed.pieces, "piece")
        sizes = f"{counted(node.streamed.characters, 'character')} in {pieces}"
        yield element("p", {"class": "ids"}, f"Streamed {sizes}, the first after {first}")
    yield value_sections(node.values, node.truncated)


def _attempts(node: Execution) -> Markup:
    items = [
        element(
            "li",
            {},
            f"{brief(attempt.elapsed)}: " if attempt.elapsed is not None else None,
            element("code", {}, attempt.error or "no error was told"),
        )
        for attempt in node.attempts
    ]
    return element("ol", {"class": "attempts"}, *items)


def _form(form: Form) -> Markup:
    end = form.end.time if form.end else None
    if end is None:
        state = "Waits for a person"
        if form.expires:
            state += f" until {moment(form.expires)}"
    else:
        state = f"Waited {brief(end - form.begin.time)} for a person"
    answer = f": {form.answer}" if form.answer else ""
    asked = {"Fields": _names(form.fields), "Actions": _names(form.actions)}
    lines = [f"{name}: {', '.join(names)}" for name, names in asked.items() if names]
    return element(
        "section",
        {"class": "form"},
        element("h3", {}, f"{state}{answer}"),
        block(form.content, "is-text") if form.content else None,
        *(element("p", {"class": "ids"}, line) for line in lines),
        value_sections({"Filled in": form.values} if form.values else {}),
    )


def _names(parts: JSON) -> list[str]:
    """What people call the fields or the actions of a form."""
    found = [Facts(part) for part in parts] if is_list(parts) else []
    keys = ("title", "label", "output_variable_name", "id")
    return [next((name for key in keys if (name := each.text(key))), "?") for each in found]


def _steps(steps: dict[str, JSONObject]) -> Markup:
    """Steps of an agent, in order; those inside others stand further right."""
    return element("ol", {"class": "steps"}, *[_step(each, steps) for each in steps])


def _step(identifier: str, steps: dict[str, JSONObject]) -> Markup:
    facts = Facts(steps[identifier])
    error = facts.text("error")
    content = join(
        block(error, "error") if error else None, value_sections(facts.values("data", "metadata"))
    )
    label = f"{facts.text('label') or identifier} · {facts.text('status') or 'unknown'}"
    summary = element("summary", {}, label)
    shown = element("details", {}, summary, content) if content else label
    return element("li", {"style": f"--step:{_depth(facts, steps)}"}, shown)


def _depth(facts: Facts, steps: dict[str, JSONObject]) -> int:
    """How many steps are around one; what is deeper, or goes round in a circle, is not counted."""
    for depth in range(_DEEPEST):
        above = facts.text("parent_id")
        if above is None or above not in steps:
            return depth
        facts = Facts(steps[above])
    return _DEEPEST
