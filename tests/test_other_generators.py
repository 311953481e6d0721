"""Other generators read openapi.yaml as it is, and what they make of it reads what servers send."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.recordings import all_recordings
from support.spec import ROOT, json_schema_of, operation_of, stream_events

pytestmark = pytest.mark.slow

NODE_MODULES = ROOT / "tools" / "spec-lint" / "node_modules"


def shape(value: Any) -> object:
    """Keys and types of a value, so that one of each is enough; texts may be of an enumeration."""
    if isinstance(value, dict):
        return frozenset((key, shape(item)) for key, item in value.items())
    if isinstance(value, list):
        return frozenset(shape(item) for item in value)
    return value if isinstance(value, str) and len(value) < 20 else type(value)


def sent() -> Iterator[tuple[str, Any]]:
    """Name of the schema and value of each recorded answer and event."""
    for played in all_recordings():
        operation = operation_of(played)
        if played.is_stream:
            yield from ((stream_events()[event["event"]], event) for event in played.events)
        elif operation and "json" in played.content_type and played.body:
            name = "Error" if played.status >= 400 else json_schema_of(operation, played.status)
            yield str(name), json.loads(played.body)


def sent_once() -> list[tuple[str, Any]]:
    """One of each shape."""
    return list({(name, shape(value)): (name, value) for name, value in sent()}.values())


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


# ------------------------------------------------------------------------------------ TypeScript


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the types that openapi-typescript makes."""
    folder = tmp_path_factory.mktemp("typescript")
    program = NODE_MODULES / "openapi-typescript" / "bin" / "cli.js"
    made = run(node(), program, ROOT / "openapi.yaml", "--output", folder / "api.d.ts")
    assert made.returncode == 0, made.stderr
    return folder


def node() -> Path:
    found = Path(sys.executable).parent / "node"
    assert found.exists(), "make test-all installs it"
    return found


def compiled(folder: Path, values: list[tuple[str, Any]]) -> subprocess.CompletedProcess[str]:
    """What the compiler says of values, each of which is to be of its schema's type.

    It refuses keys that a type does not have, as the values are literals.
    """
    lines = ['import type { components } from "./api";', 'type S = components["schemas"];']
    lines += [
        f'export const v{number}: S["{name}"] = {json.dumps(value)};'
        for number, (name, value) in enumerate(values)
    ]
    program = folder / "values.ts"
    program.write_text("\n".join(lines), encoding="utf-8")
    compiler = NODE_MODULES / "typescript" / "bin" / "tsc"
    return run(node(), compiler, "--noEmit", "--strict", "--target", "es2022", program)


def test_the_types_of_openapi_typescript_take_every_recorded_answer(typescript: Path) -> None:
    done = compiled(typescript, sent_once())
    assert done.returncode == 0, done.stdout[:2000]


def test_the_types_of_openapi_typescript_refuse_what_no_server_sends(typescript: Path) -> None:
    right: dict[str, Any] = {"text": "Ann", "from_variable_selector": None}
    missing, unknown = {"text": "Ann"}, {**right, "more": 1}
    values = [("TextChunkData", value) for value in (right, missing, unknown)]
    said = compiled(typescript, values).stdout
    assert re.findall(r"values\.ts\((\d+),", said) == ["4", "5"], said


# -------------------------------------------------------------------------------------- pydantic


@pytest.fixture(scope="module")
def pydantic_models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The module that datamodel-code-generator makes, of models that refuse unknown keys."""
    path = tmp_path_factory.mktemp("pydantic") / "models_of_dify.py"
    made = run(
        sys.executable,
        *("-m", "datamodel_code_generator"),
        *("--input", ROOT / "openapi.yaml", "--input-file-type", "openapi"),
        *("--output", path, "--output-model-type", "pydantic_v2.BaseModel"),
        *("--target-python-version", "3.11", "--formatters", "builtin"),
        *("--extra-fields", "forbid"),
    )
    assert made.returncode == 0, made.stderr
    module_spec = importlib.util.spec_from_file_location(path.stem, path)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[path.stem] = module  # where pydantic looks for the types that annotations name
    module_spec.loader.exec_module(module)
    return module


def test_the_models_of_datamodel_code_generator_keep_every_recorded_answer(
    pydantic_models: Any,
) -> None:
    for name, value in sent():
        model = getattr(pydantic_models, name).model_validate(value)
        assert model.model_dump(mode="json", by_alias=True, exclude_unset=True) == value


def test_the_models_of_datamodel_code_generator_refuse_what_no_server_sends(
    pydantic_models: Any,
) -> None:
    for wrong in ({"text": "Ann"}, {"text": 1, "from_variable_selector": None}):
        with pytest.raises(ValueError, match="validation error"):
            pydantic_models.TextChunkData.model_validate(wrong)
