"""Questions to a person, on stderr: for the inputs of a run and the answers of a form."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from .._json import JSON, JSONObject
from ..errors import InvalidRequestError
from ..inputs import Field, fields_of_form
from ..models import HumanInputForm
from ..timeline.inert import inert, inert_line, one_line
from ..timeline.text import clock, counted
from .console import can_ask, errors, is_terminal, output, print_line, value_text
from .inputs import Given, typed
from .render import show_fields

_HINTS = {
    "paragraph": "several lines; an empty line ends the text",
    "number": "a number",
    "checkbox": "y or n",
    "json_object": "a JSON object",
    "file": "a path, or an http(s) address",
    "file-list": "paths or http(s) addresses, one per line; an empty line ends the list",
}
_PROMPT = Text("> ", style="cyan")
_MANY_LINES = frozenset({"paragraph", "file-list"})
_PLACE = re.compile(r"\{\{#\$output\.([^#]*)#\}\}")
"""The place of a field in the text of a form."""


def ask_all(fields: Iterable[Field]) -> JSONObject:
    """Ask for the value of each field.

    Raises:
        InvalidRequestError: The person answered with the end of input.
    """
    return {field.name: ask(field) for field in fields}


def ask(field: Field) -> JSON:
    """Ask for the value of a field until the answer is valid.

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
            _complain(f"{field.name} is required.")
            continue
        try:
            return field.read(_chosen(field, answer))
        except InvalidRequestError as error:
            _complain(str(error))


def _introduce(field: Field) -> None:
    """Show the question and its options."""
    line = Text(inert_line(field.label), style="bold")
    facts = [_HINTS[field.kind]] if field.kind in _HINTS else []
    if field.longest and field.kind in {"text-input", "paragraph"}:
        facts.append(f"at most {counted(field.longest, 'character')}")
    if field.default not in {None, ""}:
        facts.append(f"Enter for {inert_line(value_text(field.default))}")
    if facts:
        line.append(f"  {', '.join(facts)}", style="not bold dim")
    errors.print(line)
    for number, option in enumerate(field.options, 1):
        errors.print(Text(f"  {number}  ", style="cyan") + Text(inert_line(option)))


def _chosen(field: Field, answer: str) -> str:
    """The option with that number, unless the answer is itself an option."""
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
    """A line that a person types; None at the end of input."""
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


def show_form(form: HumanInputForm) -> None:
    """Show a form on stdout: its text, fields and actions."""
    if is_terminal(sys.stdout):
        _draw_content(form, output)
    else:
        print_line(f"{form.content.rstrip()}\n")
    if fields := fields_of_form(form):
        show_fields(fields)
        print_line("")
    for action in form.actions:
        print_line(f"--action {one_line(action.id)}  {one_line(action.title)}")
    if form.expires_at is not None:
        errors.print(Text(f"Expires at {clock(form.expires_at)}.", style="dim"))


def answered(form: HumanInputForm, given: Given, action: str | None) -> tuple[str, JSONObject]:
    """The action and the values to submit: from the command, from a person's answers, or defaults.

    Args:
        form: The form.
        given: The values that the command was given.
        action: Id of the action, if the command was given one.

    Raises:
        InvalidRequestError: Something is missing or wrong, and there is no terminal to ask.
    """
    fields = fields_of_form(form)
    answers = typed(given, fields)
    is_asking = can_ask()
    if is_asking:
        _draw_content(form, errors)
    absent = [field for field in fields if field.name not in answers]
    for field in absent:
        answers[field.name] = ask(field) if is_asking else field.default
    if lacking := [name for name, value in answers.items() if value is None]:
        options = " ".join(f"-i {name}=VALUE" for name in lacking)
        raise InvalidRequestError(f"Fields are missing; give them with {options}.")
    if action is None:
        action = _asked_action(form) if is_asking else _only_action(form)
    return action, answers


def _only_action(form: HumanInputForm) -> str:
    if len(form.actions) != 1:
        ids = " or ".join(action.id for action in form.actions)
        raise InvalidRequestError(f"Give the action to submit the form with: --action {ids}.")
    return form.actions[0].id


def _draw_content(form: HumanInputForm, console: Console) -> None:
    """Show the text of a form in a terminal. Links show their address, so that none is hidden."""
    content = _PLACE.sub(r"[\1]", inert(form.content))
    console.print(Markdown(content, hyperlinks=False), soft_wrap=False)
    console.print()


def _asked_action(form: HumanInputForm) -> str:
    """Ask which action to submit the form with; return its id."""
    titles = {action.title: action.id for action in form.actions}
    ids = {action.id: action.id for action in form.actions}
    field = Field("action", "select", "Action", options=[*titles])
    _introduce(field)
    while (chosen := {**titles, **ids}.get(_chosen(field, _line(field)))) is None:
        _complain("Choose one of them by its number or name.")
    return chosen
