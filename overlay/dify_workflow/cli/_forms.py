"""Forms at which runs wait: shown, and their answers put together."""

from __future__ import annotations

import re
import sys

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from .._fields import fields_of_form
from .._inert import inert, one_line
from .._json import JSONObject
from .._text import clock
from ..errors import InvalidRequestError
from ..models import HumanInputForm
from ._printing import print_line
from ._tables import show_fields
from .console import can_ask, errors, is_terminal, output
from .inputs import Given, typed
from .prompts import ask, ask_action

_PLACE = re.compile(r"\{\{#\$output\.([^#]*)#\}\}")
"""The place of a field in the text of a form."""


def show_form(form: HumanInputForm) -> None:
    """Show on stdout what a form says and takes."""
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
    """The action and the values to submit: what was given, what a person answers, else defaults.

    Args:
        form: The form.
        given: What the command was given.
        action: Id of the action, where the command was given one.

    Raises:
        InvalidRequestError: Something is missing or wrong, and nobody can be asked.
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
        action = ask_action(form) if is_asking else _only_action(form)
    return action, answers


def _only_action(form: HumanInputForm) -> str:
    if len(form.actions) != 1:
        ids = " or ".join(action.id for action in form.actions)
        raise InvalidRequestError(f"Say how to send the form off: --action {ids}.")
    return form.actions[0].id


def _draw_content(form: HumanInputForm, console: Console) -> None:
    """Show the text of a form in a terminal; addresses are shown, and no link hides one."""
    content = _PLACE.sub(r"[\1]", inert(form.content))
    console.print(Markdown(content, hyperlinks=False), soft_wrap=False)
    console.print()
