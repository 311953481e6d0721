"""The command ``dify-workflow``, also as ``python -m dify_workflow``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable


def main() -> None:
    """Run the command line, or say what it needs."""
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_default:  # Ctrl-C ends the process, instead of showing which module is being loaded
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from .cli import app, defect
    except ImportError as error:
        if error.name not in {"click", "rich", "typer"}:
            raise
        sys.exit("The command line needs more packages: pip install 'dify-workflow[cli]'")
    if is_default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _end_as_by_ctrl_c()
    reconfigure: Callable[..., None] | None = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a sign that it cannot show is shown as its code
    try:
        app(prog_name="dify-workflow")
    except Exception as error:  # noqa: BLE001  # whatever it is, nobody wants a traceback
        sys.exit(defect(error))
    finally:  # one more Ctrl-C now ends the process, instead of showing where Python was
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end_as_by_ctrl_c() -> None:
    """Let the end of a container, a job or a terminal do the same as Ctrl-C, which stops a run."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has one of them
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # not so with nohup
            signal.signal(number, lambda _number, _frame: signal.raise_signal(signal.SIGINT))


if __name__ == "__main__":
    main()
