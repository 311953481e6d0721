"""The modules of the exported apps in tests/dsl; writes them into tests/typed/apps."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from dify_workflow.codegen import generate
from dify_workflow.dsl import read_app

TESTS = Path(__file__).resolve().parent.parent
EXPORTS = sorted((TESTS / "dsl").glob("*.yml"))
MODULES = TESTS / "typed" / "apps"


def module_of(export: Path) -> str:
    """The module for an exported app, whose class is named after the file."""
    return generate(read_app(export), class_name=export.stem.title())


def load(text: str, place: Path) -> ModuleType:
    """A module as Python imports it, written before."""
    place.write_text(text, encoding="utf-8")
    return imported(place)


def imported(place: Path) -> ModuleType:
    """The module in a file."""
    spec = importlib.util.spec_from_file_location(f"made_{place.stem}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    for each in EXPORTS:
        (MODULES / f"{each.stem}.py").write_text(module_of(each), encoding="utf-8")
