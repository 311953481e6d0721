"""``demo``: show a workflow without a Dify server."""

from __future__ import annotations

import typer


def demo(context: typer.Context) -> None:
    """Show a running workflow, without a server, a key or a network.

    Starts an emulator in this process and types the commands that you would type. It runs a
    workflow, answers the form for which the run waits, follows the run to its end, and lists the
    log. Takes about eight seconds, and needs the extra emulator.

    Examples:
        dify-workflow demo
    """
    from ..demo import demonstrate

    program = context.find_root().command
    code = demonstrate(
        lambda arguments: program.main(arguments, "dify-workflow", standalone_mode=False)
    )
    raise typer.Exit(code)
