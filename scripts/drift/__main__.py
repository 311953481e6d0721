"""Compare openapi.yaml with Dify's published document: `make drift UPSTREAM=path-or-url`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from ._accepted import AcceptedError, read, sort
from ._compared import contracts
from ._difference import differences
from ._document import DocumentError, load
from ._report import for_people, for_programs

ROOT = Path(__file__).resolve().parent.parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Print the differences; return 1 if one is unexplained or an accepted one is gone, else 0."""
    parser = argparse.ArgumentParser(prog="python -m scripts.drift", description=__doc__)
    parser.add_argument("upstream", help="path or URL of the document that Dify publishes")
    parser.add_argument("--ours", default=str(ROOT / "openapi.yaml"), help="our own document")
    parser.add_argument(
        "--accepted", default=str(ROOT / "drift-accepted.yml"), help="the known differences"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    options = parser.parse_args(arguments)
    try:
        ours, upstream = contracts(load(options.ours), load(options.upstream))
        known = read(yaml.safe_load(Path(options.accepted).read_text(encoding="utf-8")))
    except (DocumentError, AcceptedError, OSError, yaml.YAMLError) as error:
        print(f"drift: {error}", file=sys.stderr)
        return 2
    found = sort(differences(ours, upstream), known)
    print(for_programs(found) if options.json else for_people(found))
    return int(bool(found.unexplained or found.stale))


if __name__ == "__main__":
    sys.exit(main())
