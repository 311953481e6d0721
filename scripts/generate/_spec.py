"""The paths of the spec and of the generator's settings, and the reader of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
SPEC = ROOT / "openapi.yaml"
CONFIG = ROOT / "generator-config.yml"
TEMPLATES = ROOT / "generator-templates"

Schema = Mapping[str, Any]


def load(path: Path) -> Schema:
    """Read the document at a path."""
    spec: Schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    return spec
