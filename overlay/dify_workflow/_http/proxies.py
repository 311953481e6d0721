"""Reads the proxies from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_SCHEMES = ("http", "https", "all")


def proxy_map() -> dict[str, str | None]:
    """The proxies by the URL patterns they are for, in the syntax of httpx; None for no proxy.

    The result is what httpx itself would find, except for IPv6 in NO_PROXY: httpx fails with an
    address in brackets and with a range of addresses.
    """
    found = getproxies()
    exempt = [host for each in found.get("no", "").split(",") if (host := each.strip())]
    if "*" in exempt:
        return {}
    proxies: dict[str, str | None] = {
        f"{scheme}://": proxy if "://" in proxy else f"http://{proxy}"
        for scheme in _SCHEMES
        if (proxy := found.get(scheme))
    }
    return proxies | {pattern: None for host in exempt if (pattern := _pattern(host))}


def proxy_of(url: str) -> str | None:
    """The proxy for requests to a URL, without its user and password; None for no proxy."""
    parts, found = urlsplit(url), getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    if not proxy or proxy_bypass(parts.netloc) or proxy_bypass(parts.hostname or ""):
        return None
    scheme, separator, rest = proxy.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _pattern(host: str) -> str | None:
    """The httpx pattern for an address without a proxy; None if httpx has no pattern for it."""
    if "://" in host:
        return host
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        pass
    else:
        return f"all://[{address}]" if address.version == 6 else f"all://{address}"  # noqa: PLR2004
    if _is_range(host):  # httpx has no pattern for a range
        return None
    is_whole = host.lower() == "localhost" or host.startswith("[")  # an address with its port
    return f"all://{host}" if is_whole else f"all://*{host}"


def _is_range(host: str) -> bool:
    try:
        ip_network(host, strict=False)
    except ValueError:
        return False
    return True
