"""Record exchanges with a real server: `make record SERVER=http://127.0.0.1:5001`."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from ._proxy import Proxy

RECORDINGS = Path(__file__).resolve().parent.parent.parent / "tests" / "recordings"


def main(arguments: list[str] | None = None) -> int:
    """Record until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m scripts.record", description=__doc__)
    parser.add_argument("server", help="scheme, host and port of the server, without its /v1")
    parser.add_argument("--into", type=Path, default=RECORDINGS, help="folder of the recordings")
    parser.add_argument("--port", type=int, default=5055, help="port on loopback")
    options = parser.parse_args(arguments)
    if not options.server.startswith(("http://", "https://")):
        parser.error(f"the server must begin with http:// or https://, not {options.server}")
    with (
        Proxy(options.server.rstrip("/"), options.into, options.port) as proxy,
        suppress(KeyboardInterrupt),
    ):
        print(f"Use {proxy.origin}/<app>/<name of the recording>/v1 as the base URL.", flush=True)
        proxy.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
