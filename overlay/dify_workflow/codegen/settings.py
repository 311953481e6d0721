"""Read the apps in a pyproject.toml. The file is part of a repository, so it is not trusted."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from .._json import is_object
from ..errors import InvalidRequestError
from .names import checked, named_after

_FILE = "pyproject.toml"
_TABLE = "tool.dify-workflow.types"
_VARIABLE = re.compile(r"DIFY_[A-Z0-9_]+")
_KNOWN = ("class-name", "dsl", "key", "output", "profile", "samples")
_ADDRESSES = frozenset({"base-url", "url", "server", "host"})


@attrs.frozen
class AppSettings:
    """The settings for the module of one app.

    Args:
        output: File for the module.
        class_name: Name of its class; None to make it from the app's name.
        dsl: File of the exported app; None to read the inputs with the key.
        key: Name of the environment variable with the app's key.
        profile: Name of the profile with the app's key and base URL, instead of `key`. Without
            both, the command's own key is used if this is the only app.
        samples: Number of past runs to look at for types that are not in the export.
    """

    output: Path
    class_name: str | None
    dsl: Path | None = None
    key: str | None = None
    profile: str | None = None
    samples: int = 0


def find_settings(directory: Path) -> Path | None:
    """Find the nearest pyproject.toml, in a directory or above it.

    Example::

        path = find_settings(Path.cwd())
        apps = [] if path is None else read_settings(path)

    Args:
        directory: Where to begin.

    Returns:
        Its path; None if there is no such file.
    """
    places = (each / _FILE for each in [directory, *directory.parents])
    return next((place for place in places if place.is_file()), None)


def read_settings(path: Path) -> list[AppSettings]:
    """Read the settings of the apps in a pyproject.toml.

    The file names the variable that has a key. It must not contain the key or an address to send it
    to, because the repository may be a stranger's. Modules are written only next to the file or
    below it.

    Example::

        Path("pyproject.toml").write_text("tool.dify-workflow.types.a.output = 'a.py'")
        print(read_settings(Path("pyproject.toml")))

    Args:
        path: The file.

    Returns:
        The settings in their order; empty if there are no apps.

    Raises:
        InvalidRequestError: A setting is unknown or invalid.
    """
    try:
        value: object = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # not TOML, or not UTF-8
        raise InvalidRequestError(f"{path} cannot be read: {error}.") from None
    for name in _TABLE.split("."):
        value = _table(value, path).get(name, {})
    apps = [_app(name, _table(table, path), path) for name, table in _table(value, path).items()]
    outputs = [app.output.resolve() for app in apps]
    for app in apps:
        if outputs.count(app.output.resolve()) > 1:
            raise InvalidRequestError(f"Two apps in {path} have the same output, {app.output}.")
    return apps


def _table(value: object, path: Path) -> Mapping[str, Any]:
    if not is_object(value):
        raise InvalidRequestError(f"{_TABLE} in {path} must be a table for each app.")
    return value


def _app(name: str, table: Mapping[str, Any], path: Path) -> AppSettings:
    where = f"[{_TABLE}.{name}] in {path}"
    found = {key.replace("_", "-"): each for key, each in table.items()}
    for key in found:
        if key in _ADDRESSES:
            raise InvalidRequestError(
                f"{where} names a server with {key!r}, which is refused: a repository must not "
                "decide where a key is sent. Use DIFY_BASE_URL or --base-url."
            )
        if key not in _KNOWN:
            raise InvalidRequestError(
                f"{where} has the unknown setting {key!r}; there are {', '.join(_KNOWN)}."
            )
    if "key" in found and "profile" in found:
        raise InvalidRequestError(f"{where}: give only one of key and profile.")
    if "output" not in found:
        raise InvalidRequestError(f"{where} needs the setting output, the file to write.")
    output = _inside(path.parent, _text(found, "output", where), where)
    given = _text(found, "class-name", where)
    samples = found.get("samples", 0)
    if not isinstance(samples, int) or isinstance(samples, bool) or samples < 0:
        raise InvalidRequestError(f"{where}: samples must be a number of runs.")
    return AppSettings(
        output=output,
        class_name=checked(given) if given else named_after(output.stem),
        dsl=path.parent / _text(found, "dsl", where) if "dsl" in found else None,
        key=_variable(_text(found, "key", where), where) if "key" in found else None,
        profile=_text(found, "profile", where) or None,
        samples=samples,
    )


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or (key in table and not value):
        raise InvalidRequestError(f"{where}: {key} must be a text.")
    return value


def _inside(directory: Path, output: str, where: str) -> Path:
    place = directory / output
    is_inside = place.resolve().is_relative_to(directory.resolve())
    if not is_inside or place.suffix != ".py":
        raise InvalidRequestError(
            f"{where}: output must be a .py file in the folder of pyproject.toml or below it."
        )
    return place


def _variable(name: str, where: str) -> str:
    """The name of a variable. An invalid value is not shown, because it may be a key."""
    if not _VARIABLE.fullmatch(name):
        raise InvalidRequestError(
            f"{where}: key must be the name of an environment variable that begins with DIFY_, "
            "never a key itself."
        )
    return name
