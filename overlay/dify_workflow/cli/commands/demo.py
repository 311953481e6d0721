"""``demo``: a workflow to look at, without a Dify."""

from __future__ import annotations

import typer

from ..exits import extras_named, handled


def demo(context: typer.Context) -> None:
    """Show a workflow at work, without a Dify, a key or a network.

    Starts an emulator in this process and types the commands that you would: runs a workflow,
    answers the form at which it waits, follows it to its end, and lists the log. Takes about eight
    seconds, and needs the extra emulator.

    Examples:
        dify-workflow demo
    """
    with handled():
        with extras_named():
            from ..demo import demonstrate
        program = context.find_root().command
        code = demonstrate(
            lambda arguments: program.main(arguments, "dify-workflow", standalone_mode=False)
        )
        raise typer.Exit(code)
