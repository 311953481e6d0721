"""``form show`` and ``form submit``: the forms for which paused runs wait."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from ..console import print_json_line, say
from ..options import AsJson, Files, User, Values, connection_of

Token: TypeAlias = Annotated[
    str,
    typer.Argument(
        help="Token of the form, which the paused run shows. If it begins with a dash, put it "
        "last, after --.",
    ),
]


def show(context: typer.Context, token: Token, as_json: AsJson = False) -> None:
    """Show the text, the fields and the actions of a form.

    Examples:
        dify-workflow form show 9hLKuUbS2tXqkWoPvAfR
    """
    from ..prompts import show_form

    with connection_of(context).client() as client:
        form = client.human_input_form(token)
    if as_json:
        print_json_line(form.raw)
    else:
        show_form(form)


def submit(
    context: typer.Context,
    token: Token,
    action: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Action to submit the form with."),
    ] = None,
    values: Values = None,
    files: Files = None,
    user: User = None,
) -> None:
    """Fill in a form, so that its run continues.

    In a terminal, shows the form and asks for what is not given. Elsewhere, fields that are not
    given get their defaults, and the action must be given if there are several.

    Examples:
        dify-workflow form submit --action approve -i note=Fine 9hLKuUbS2tXqkWoPvAfR
    """
    from ..inputs import Given
    from ..prompts import answered

    given = Given.of(values, files)
    with connection_of(context).client(user) as client:
        form = client.human_input_form(token)
        chosen, answers = answered(form, given, action)
        client.submit_human_input_form(token, chosen, answers)
    say("Submitted: the run continues.")
