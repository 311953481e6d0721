"""Write everything that is derived from openapi.yaml: `make generate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ._client import generate_client, run, write_provenance
from ._endpoints import endpoints_module
from ._events import events_module
from ._spec import ROOT, SPEC, load
from ._sync import SYNC_MODULES, sync_module


def main(arguments: list[str] | None = None) -> None:
    """Write all of it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.generate", description=__doc__)
    parser.add_argument("--spec", type=Path, default=SPEC, help="the document")
    parser.add_argument(
        "--into", type=Path, default=ROOT, help="folder with generated/ and overlay/dify_workflow/"
    )
    options = parser.parse_args(arguments)
    spec, into = options.spec.resolve(), options.into.resolve()
    overlay = into / "overlay" / "dify_workflow"
    contents = load(spec)
    generate_client(contents, into / "generated" / "dify_workflow_api")
    write_provenance(spec, into / "generated" / "provenance.json")
    write_python(overlay / "events" / "__init__.py", events_module(contents))
    write_python(overlay / "_http" / "endpoints.py", endpoints_module(contents))
    for source, (target, _) in SYNC_MODULES.items():
        text = (ROOT / "overlay" / "dify_workflow" / source).read_text(encoding="utf-8")
        write_python(overlay / target, sync_module(source, text), fix="I,F401")


def write_python(path: Path, text: str, *, fix: str = "I") -> None:
    """Write a module, in the format of the project.

    Args:
        path: The path.
        text: Its code.
        fix: Rules of ruff to fix, such as F401 (unused imports).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    settings = ("--quiet", "--config", str(ROOT / "pyproject.toml"), str(path))
    run("ruff", "check", "--select", fix, "--fix-only", *settings)
    run("ruff", "format", *settings)


if __name__ == "__main__":
    main()
