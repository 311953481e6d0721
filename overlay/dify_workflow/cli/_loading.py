"""Loading the workflows that a user's module has."""

from __future__ import annotations

import importlib
import sys
import traceback
from types import ModuleType

from .._json import is_list
from ..emulator import Emulator, Workflow
from ..errors import InvalidRequestError


def load(place: str) -> Emulator | tuple[Workflow, ...]:
    """What stands in a module, found as ``python -m`` finds it from the working directory.

    Args:
        place: ``MODULE:NAME``, of a workflow, a list of them, or an emulator.

    Raises:
        InvalidRequestError: There is no such thing, or it is something else.
    """
    module_name, separator, name = place.partition(":")
    if not separator or not module_name or not name:
        raise InvalidRequestError(f"Workflows are named as MODULE:NAME, not {place!r}.")
    if "/" in module_name or module_name.endswith(".py"):
        raise InvalidRequestError(f"Name the module as import does, not its file {module_name!r}.")
    sys.path.insert(0, "")
    module = _imported(module_name)
    found: object = getattr(module, name, None)
    if isinstance(found, Emulator):
        return found
    if isinstance(found, Workflow):
        return (found,)
    if is_list(found) and found and all(isinstance(item, Workflow) for item in found):
        return tuple(found)
    raise InvalidRequestError(_misfit(module, name))


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise InvalidRequestError(
                f"There is no module {error.name!r} in the working directory or installed."
            ) from None
        raise InvalidRequestError(_failure(name, error)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a user's module can do anything
        raise InvalidRequestError(_failure(name, error)) from None


def _failure(name: str, error: BaseException) -> str:
    """Why a module cannot be imported, with the place in it."""
    what = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = "" if isinstance(error, SyntaxError) else f" ({frame.filename}, line {frame.lineno})"
    return f"The module {name!r} cannot be imported: {what}{place}"


def _misfit(module: ModuleType, name: str) -> str:
    """Why a name is of no use, and which are."""
    fitting = [
        each for each, value in vars(module).items() if isinstance(value, Workflow | Emulator)
    ]
    there = f"; there are {', '.join(fitting)}" if fitting else ""
    if not hasattr(module, name):
        return f"The module {module.__name__!r} has no {name!r}{there}."
    kind = type(getattr(module, name)).__name__
    return (
        f"{module.__name__}:{name} is of the type {kind}, and neither made by @workflow, nor a "
        f"list of such workflows, nor an Emulator{there}."
    )
