"""Asking a person for inputs, on stderr; answers come from stdin."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from .._fields import Field
from .._inert import inert_line, json_text
from .._json import JSON, JSONObject
from .._text import counted
from ..errors import InvalidRequestError
from ..models import HumanInputForm
from .console import errors

_HINTS = {
    "paragraph": "several lines; an empty one ends them",
    "number": "a number",
    "checkbox": "y or n",
    "json_object": "a JSON object",
    "file": "a path, or an http(s) address",
    "file-list": "paths or http(s) addresses, a line each; an empty one ends them",
}
_PROMPT = Text("> ", style="cyan")
_MANY_LINES = frozenset({"paragraph", "file-list"})


def ask_all(fields: Iterable[Field]) -> JSONObject:
    """Ask for the value of each field.

    Raises:
        InvalidRequestError: The person answered with the end of input.
    """
    return {field.name: ask(field) for field in fields}


def ask(field: Field) -> JSON:
    """Ask for the value of a field until there is one that it takes.

    Raises:
        InvalidRequestError: The person answered with the end of input (Ctrl-D).
    """
    _introduce(field)
    while True:
        answer = _lines(field) if field.kind in _MANY_LINES else _line(field)
        is_empty = not answer.strip()
        if is_empty and field.default is not None:
            return field.default
        if is_empty and field.required:
            _complain(f"{field.name} is needed.")
            continue
        try:
            return field.read(_chosen(field, answer))
        except InvalidRequestError as error:
            _complain(str(error))


def ask_action(form: HumanInputForm) -> str:
    """Ask how a form is to be sent off; the id of the action."""
    titles = {action.title: action.id for action in form.actions}
    ids = {action.id: action.id for action in form.actions}
    field = Field("action", "select", "Action", options=[*titles])
    _introduce(field)
    while (chosen := {**titles, **ids}.get(_chosen(field, _line(field)))) is None:
        _complain("Take one of them, by its number or name.")
    return chosen


def _introduce(field: Field) -> None:
    """Say what is asked for, and between what can be chosen."""
    line = Text(inert_line(field.label), style="bold")
    facts = [_HINTS[field.kind]] if field.kind in _HINTS else []
    if field.longest and field.kind in {"text-input", "paragraph"}:
        facts.append(f"at most {counted(field.longest, 'character')}")
    if field.default not in {None, ""}:
        facts.append(f"Enter for {inert_line(_shown(field.default))}")
    if facts:
        line.append(f"  {', '.join(facts)}", style="not bold dim")
    errors.print(line)
    for number, option in enumerate(field.options, 1):
        errors.print(Text(f"  {number}  ", style="cyan") + Text(inert_line(option)))


def _chosen(field: Field, answer: str) -> str:
    """The option of that number, where the answer is no option itself."""
    if field.options and answer not in field.options and answer.strip().isdecimal():
        number = int(answer)
        if 1 <= number <= len(field.options):
            return field.options[number - 1]
    return answer


def _line(field: Field) -> str:
    answer = _typed()
    if answer is None:
        raise InvalidRequestError(f"No answer: {field.name} is missing.")
    return answer


def _lines(field: Field) -> str:
    lines = [_line(field)]
    while lines[-1]:
        lines.append(_typed() or "")
    return "\n".join(lines[:-1])


def _typed() -> str | None:
    """A line that a person types; None where it is the end of input."""
    try:
        return errors.input(_PROMPT)
    except EOFError:
        errors.print()
        return None
    except KeyboardInterrupt:
        errors.print()
        raise


def _complain(problem: str) -> None:
    errors.print(Text(inert_line(problem), style="red"))


def _shown(value: JSON) -> str:
    return value if isinstance(value, str) else json_text(value)
