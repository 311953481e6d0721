"""The low-level client, as openapi-python-client writes it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from ._spec import CONFIG, TEMPLATES
from ._tools import run


def generate_client(spec: Path, package: Path) -> None:
    """Run the generator into an empty folder, so that nothing stale stays behind.

    Args:
        spec: The document.
        package: Folder of the package; what is in it is lost.
    """
    shutil.rmtree(package, ignore_errors=True)
    run(
        sys.executable,
        *("-m", "openapi_python_client", "generate"),
        *("--path", str(spec)),
        *("--config", str(CONFIG)),
        *("--custom-template-path", str(TEMPLATES)),
        *("--meta", "none"),
        *("--output-path", str(package)),
        "--fail-on-warning",
    )
    # `*args: object` cannot be handed on to httpx's `__exit__` under `mypy --strict`.
    _replace_in(package / "client.py", "*args: object", "*args: Any", times=4)
    _read_missing_keys_as_none(package)
    # The generator writes the marker of typed packages (PEP 561) only with project metadata.
    (package / "py.typed").touch()


def write_provenance(spec: Path, path: Path) -> None:
    """Write what the generated tree was made from."""
    sources = {"openapi.yaml": spec, CONFIG.name: CONFIG}
    sources |= {f"{TEMPLATES.name}/{path.name}": path for path in sorted(TEMPLATES.iterdir())}
    provenance = {
        "made_by": "make generate",
        "sha256": {
            name: hashlib.sha256(source.read_bytes()).hexdigest()
            for name, source in sources.items()
        },
        "versions": {name: version(name) for name in ("openapi-python-client", "ruff")},
    }
    path.write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


def _read_missing_keys_as_none(package: Path) -> None:
    """Let models read a key that a server leaves out as None, instead of failing.

    What servers of other versions leave out is nullable in the spec, and so in the types. The
    generator has no setting for it, and its model template is too large to keep a copy of.
    """
    count = 0
    for path in sorted((package / "models").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        text, found = re.subn(r'\bd\.pop\("([^"]+)"\)', r'd.pop("\1", None)', text)
        path.write_text(text, encoding="utf-8")
        count += found
    if not count:
        raise SystemExit("No model reads its keys as expected; has the generator changed?")
    run("ruff", "format", "--quiet", "--isolated", "--target-version", "py311", str(package))


def _replace_in(path: Path, old: str, new: str, *, times: int) -> None:
    """Replace a text that must be there so often: another generator may need another change."""
    text = path.read_text(encoding="utf-8")
    if text.count(old) != times:
        raise SystemExit(f"{path}: expected {old!r} {times} times, found {text.count(old)}")
    path.write_text(text.replace(old, new), encoding="utf-8")
