"""``profile``: store base URL and key of apps under names."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

import getpass
import json
import os
import sys
from typing import Annotated, TypeAlias

import typer

from ... import ApiKey, profiles
from ..._http.options import CLOUD_URL
from ...errors import InvalidRequestError
from ..console import cell, is_terminal, print_json_line, say
from ..options import AsJson, names_of_profiles

Name: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of the profile.",
        autocompletion=names_of_profiles,
    ),
]


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name for the app.")],
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Base URL of the server, ending in /v1; or DIFY_BASE_URL.",
            show_default=CLOUD_URL,
        ),
    ] = None,
    in_keyring: Annotated[
        bool,
        typer.Option("--keyring", help="Store the key in the system's keyring, not in the file."),
    ] = False,
) -> None:
    """Store an app under a name, or change what is stored under it.

    Asks for the key and does not show it. From a pipe, the key is the first line of stdin. Only you
    can read the file (mode 0600; on Windows, your user's folder is protected from other users). The
    first profile is in use from then on. --keyring needs pip install keyring.

    Examples:
        dify-workflow profile add story --base-url https://dify.example.com/v1
        pass show dify/story | dify-workflow profile add story
    """
    url = base_url or os.environ.get("DIFY_BASE_URL") or CLOUD_URL
    added = profiles.add(name, _key_of(name), base_url=url, in_keyring=in_keyring)
    where = "the keyring" if in_keyring else profiles.path()
    say(f"Stored the profile {name} for {added.base_url}; its key is in {where}.")
    if profiles.in_use() == name:
        say("It is in use: commands use it if nothing else names an app.")


def list_(as_json: AsJson = False) -> None:
    """List the profiles; the one in use has a star.

    Examples:
        dify-workflow profile list
    """
    from ..render import draw_table, table_of

    in_use = profiles.in_use()
    table = table_of(["", "name", "base URL"])
    for name, base_url in profiles.base_urls().items():
        if as_json:
            print_json_line({"name": name, "base_url": base_url, "in_use": name == in_use})
        table.add_row("*" if name == in_use else "", cell(name), cell(base_url))
    if not table.row_count:
        say("There are no profiles yet: dify-workflow profile add NAME stores one.")
    elif not as_json:
        draw_table(table)


def use(name: Name) -> None:
    """Use this profile by default.

    Examples:
        dify-workflow profile use story
    """
    profiles.use(name)
    say(f"The profile {name} is in use.")


def remove(name: Name) -> None:
    """Delete a profile and its key.

    Examples:
        dify-workflow profile remove story
    """
    profiles.remove(name)
    say(f"Removed the profile {name}.")


def _key_of(name: str) -> ApiKey:
    """The key, which a person types unseen or a program writes to stdin.

    Raises:
        InvalidRequestError: There is no key.
    """
    if is_terminal(sys.stdin):  # even if stderr is not one: a key typed into stdin would be seen
        try:
            key = getpass.getpass(f"API key of {name}: ")
        except EOFError:
            key = ""
    else:
        data = sys.stdin.buffer.read()
        key = data.decode(json.detect_encoding(data), "replace").partition("\n")[0]
    if not key.strip():
        raise InvalidRequestError("No key was given, so nothing was stored.")
    return ApiKey(key.strip())
