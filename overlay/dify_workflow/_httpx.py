"""Imports httpx without its command line.

httpx imports that with itself, and with it click and rich where they are installed, which takes
as long as all the rest. Whoever calls `httpx.main` still gets it, then.
"""

from __future__ import annotations

import sys

if "httpx" not in sys.modules:
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # how Python marks what is not there
    try:
        import httpx
    finally:
        del sys.modules["httpx._main"]

    def _main() -> None:
        from httpx._main import main

        main()

    httpx.main = _main  # type: ignore[assignment]  # a plain function, as without click
