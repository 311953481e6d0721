"""Which names the emulator answers to.

Any page on the web can have a name of its own lead to this machine (DNS rebinding), and would then
read what a server there shows, as the keys on the emulator's page. So a request has to name a host
that is this machine's own, or one that whoever started the emulator has allowed.
"""

from __future__ import annotations

import ipaddress
import json
import shlex
from collections.abc import Iterable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .refusals import ApiError

ANY = "*"
"""Allows every host."""


def checked_hosts(hosts: Iterable[str]) -> frozenset[str]:
    """Names of hosts, as `HostCheck` compares them.

    Raises:
        TypeError: They are one text.
        ValueError: One of them is no name or address of a host.
    """
    if isinstance(hosts, str):
        raise TypeError(f"allowed_hosts takes a list of hosts, such as [{hosts!r}]")
    names = frozenset(map(_name_of, hosts))
    for name in names:
        if not name or set(name) & set(" /@?#"):
            raise ValueError(f"{name!r} is no host: give a name or an address, such as emulator")
    return names


class HostCheck:
    """Refuses requests that name a host which is neither loopback nor allowed.

    Args:
        app: What answers the others.
        allowed: Names and addresses of further hosts, in any case and without ports.
    """

    def __init__(self, app: ASGIApp, allowed: frozenset[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        host = Headers(scope=scope).get("host", "")
        if ANY in self._allowed or is_local(host) or _name_of(host) in self._allowed:
            await self._app(scope, receive, send)
            return
        error = ApiError(403, "forbidden", _refusal(host))
        refusal = Response(json.dumps(error.body()), 403, media_type="application/json")
        await refusal(scope, receive, send)


def is_local(host: str) -> bool:
    """Whether a ``Host`` header names loopback: ``localhost``, 127.0.0.0/8 or ``[::1]``."""
    name = _name_of(host)
    if name == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(name).is_loopback
    return False


def _name_of(host: str) -> str:
    """The host of a ``Host`` header, without its port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() and ":" not in name else host).lower()


def _refusal(host: str) -> str:
    name = _name_of(host)
    return (
        f"This emulator does not serve the host {name!r}, as a protection against DNS rebinding. "
        f"If the name is yours, allow it: --allowed-host {shlex.quote(name)}, or "
        f"Emulator(allowed_hosts=[{name!r}])."
    )
