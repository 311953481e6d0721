"""The low-level client, as openapi-python-client writes it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from ._generator_input import generator_input
from ._spec import CONFIG, ROOT, TEMPLATES, Schema

_HANDS_ON = re.compile(
    r"""        def _parse_(?P<name>\w+)\(data: object\) -> (?P<type>[^:]+):
            if data is None:
                return data
(?:            try:
                if not isinstance\(data, list\):
                    raise TypeError\(\)
                (?P<inner>\w+) = cast\([^\n]+, data\)

                return (?P=inner)
            except \(TypeError, ValueError, AttributeError, KeyError\):
                pass
)?            return cast\((?P=type), data\)

        (?P=name) = _parse_(?P=name)\(\s*(?P<value>d\.pop\([^\n]+\))\s*\)
"""
)
"""A value that may be null, and is returned unchanged in every case."""

_INNER_MODEL = re.compile(r"^ {8,}from \.\.models\.\w+ import (\w+)\n\n?", re.MULTILINE)
"""The import of the model of an inner object, in a function."""

_IN_FUNCTION = re.compile(r"^ {8}.*$", re.MULTILINE)
_LAST_IMPORT = "from attrs import field as _attrs_field\n"


def generate_client(spec: Schema, package: Path) -> None:
    """Run the generator into an empty folder, so that no old file remains.

    Args:
        spec: The document.
        package: Folder of the package; its content is deleted.
    """
    with TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        document.write_text(json.dumps(generator_input(spec)), encoding="utf-8")
        shutil.rmtree(package, ignore_errors=True)
        run(
            sys.executable,
            *("-m", "openapi_python_client", "generate"),
            *("--path", str(document)),
            *("--config", str(CONFIG)),
            *("--custom-template-path", str(TEMPLATES)),
            *("--meta", "none"),
            *("--output-path", str(package)),
            "--fail-on-warning",
        )
    # Under `mypy --strict`, `*args: object` cannot be passed to httpx's `__exit__`.
    _replace_in(package / "client.py", "*args: object", "*args: Any", times=4)
    _simplify_models(package)
    # The generator writes the marker of typed packages (PEP 561) only with project metadata.
    (package / "py.typed").touch()


def run(*command: str) -> None:
    """Run a tool that is installed beside this Python, as the generator runs its formatter."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PATH": path})


def write_provenance(spec: Path, path: Path) -> None:
    """Write the sources of the generated tree."""
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


def _simplify_models(package: Path) -> None:
    """Let models read keys that servers leave out, return unchanged values, and find each other.

    Keys that servers of other versions leave out are nullable in the spec, and so in the types, but
    the generator's code would fail on them. It also defines a function for every value that may be
    null, at each call. Most of them return their argument, and reading a text took 1.7 times as
    long. It imports the models of inner objects at each call, which took a third of the time of a
    node. Here they are attributes of the package, which imports each when it is first needed. The
    generator has no setting for any of these, and its templates are too large to copy.
    """
    counts = [0, 0, 0]
    for path in sorted((package / "models").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        text, missing = re.subn(r'\bd\.pop\("([^"]+)"\)', r'd.pop("\1", None)', text)
        text, handed_on = _HANDS_ON.subn(r"        \g<name> = \g<value>\n", text)
        text, found = _from_package(text)
        path.write_text(text, encoding="utf-8")
        counts = [sum(pair) for pair in zip(counts, (missing, handed_on, found), strict=True)]
    if not all(counts):
        raise SystemExit("No model reads its keys as expected: the generator may have changed.")
    target = ("--isolated", "--target-version", "py311", str(package))
    run("ruff", "check", "--quiet", "--fix-only", "--select", "F401,I", *target)  # mostly cast
    run("ruff", "format", "--quiet", *target)


def _from_package(text: str) -> tuple[str, int]:
    """Let the functions of a model take other models from the package.

    Returns:
        The changed module, and the number of its other models.
    """
    names = set(_INNER_MODEL.findall(text))
    if not names:
        return text, 0
    name = re.compile(rf"\b({'|'.join(sorted(names))})\b")
    text = _IN_FUNCTION.sub(
        lambda line: name.sub(r"models.\1", line[0]), _INNER_MODEL.sub("", text)
    )
    return text.replace(_LAST_IMPORT, f"{_LAST_IMPORT}\nfrom .. import models\n", 1), len(names)


def _replace_in(path: Path, old: str, new: str, *, times: int) -> None:
    """Replace a text that must occur this often: another generator may need another change."""
    text = path.read_text(encoding="utf-8")
    if text.count(old) != times:
        raise SystemExit(f"{path}: expected {old!r} {times} times, found {text.count(old)}")
    path.write_text(text.replace(old, new), encoding="utf-8")
