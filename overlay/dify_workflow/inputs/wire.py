"""The inputs of runs and forms in the form that the server takes them in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from .._json import JSON, JSONObject, is_text
from ..errors import InvalidRequestError
from ..models import UploadedFile, WorkflowFile
from ..models.file import file_type

UNSENT_ID = "00000000-0000-0000-0000-000000000000"
"""Stands for the id of a file that is uploaded only when everything else is right."""

# Tuples, because unions and abstract classes take five times as long to look at a plain value.
_SCALARS = (str, bool, int, float)
_SEQUENCES = (list, tuple)
_MAPPINGS = (dict, Mapping)


def local_paths(value: JSON) -> list[Path]:
    """The paths in a value, which have to be uploaded.

    Raises:
        InvalidRequestError: It is nested too deeply.
    """
    try:
        return list(_paths(value))
    except RecursionError:
        raise _too_deep("inputs") from None


def _paths(value: JSON) -> Iterator[Path]:
    if isinstance(value, str):  # as most are
        return
    if isinstance(value, Path):
        yield value
    elif _is_mapping(value):
        for item in value.values():
            yield from _paths(item)
    elif _is_sequence(value):
        for item in value:
            yield from _paths(item)


def wire_inputs(inputs: Mapping[str, JSON], uploads: Mapping[Path, WorkflowFile]) -> JSONObject:
    """The inputs as plain JSON.

    Args:
        inputs: Any JSON, with `WorkflowFile` and `pathlib.Path` among it.
        uploads: The uploaded file for each path.

    Raises:
        InvalidRequestError: A value is no JSON; the message names its place.
    """
    if not isinstance(inputs, Mapping):
        raise InvalidRequestError(
            f"inputs must be a mapping of name to value, not {type(inputs).__name__}."
        )
    try:
        wire: JSONObject = _wire(inputs, "inputs", uploads)
    except RecursionError:
        raise _too_deep("inputs") from None
    return wire


def wire_files(files: JSON, uploads: Mapping[Path, WorkflowFile]) -> list[JSONObject]:
    """The files of a run as plain JSON.

    Raises:
        InvalidRequestError: It is no list of files.
    """
    if not _is_sequence(files):
        raise InvalidRequestError(f"files must be a list of files, not {type(files).__name__}.")
    try:
        wire = [_wire(file, f"files[{index}]", uploads) for index, file in enumerate(files)]
    except RecursionError:
        raise _too_deep("files") from None
    for index, file in enumerate(wire):
        if not isinstance(file, dict) or not {"type", "transfer_method"} <= file.keys():
            raise InvalidRequestError(
                f"files[{index}] is no file; make one with WorkflowFile.remote or .uploaded."
            )
    return wire


def _wire(value: JSON, place: str, uploads: Mapping[Path, WorkflowFile]) -> JSON:
    if value is None or isinstance(value, _SCALARS):
        return _scalar(value, place)
    if isinstance(value, Path):
        return uploads[value].to_wire()
    if _is_mapping(value):
        return {
            _name(name, place): _wire(item, f"{place}[{name!r}]", uploads)
            for name, item in value.items()
        }
    if _is_sequence(value):
        return [_wire(item, f"{place}[{index}]", uploads) for index, item in enumerate(value)]

    if isinstance(value, UploadedFile):
        value = value.as_input()
    if isinstance(value, WorkflowFile):
        return value.to_wire()
    raise InvalidRequestError(
        f"{place} is of the type {type(value).__name__}; inputs are JSON, WorkflowFile, "
        "UploadedFile or pathlib.Path."
    )


def _too_deep(place: str) -> InvalidRequestError:
    return InvalidRequestError(f"{place} is nested too deeply, or contains itself.")


def _is_mapping(value: JSON) -> TypeGuard[Mapping[JSON, JSON]]:
    return isinstance(value, _MAPPINGS)


def _is_sequence(value: JSON) -> TypeGuard[Sequence[JSON]]:
    return isinstance(value, _SEQUENCES)


def _name(name: JSON, place: str) -> str:
    if not isinstance(name, str):
        raise InvalidRequestError(f"{place} has the name {name!r}, which is no string.")
    return _text(name, place)


def _scalar(value: JSON, place: str) -> JSON:
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRequestError(f"{place} is {value}, which JSON cannot carry.")
    if isinstance(value, int):
        try:
            str(value)
        except ValueError:  # Python writes, and reads, no more than 4,300 digits
            raise InvalidRequestError(f"{place} has more digits than JSON readers take.") from None
    return value


def _text(text: str, place: str) -> str:
    if not is_text(text):
        raise InvalidRequestError(f"{place} has half a surrogate pair, which is no text.")
    return text


def planned_inputs(inputs: Mapping[str, JSON]) -> JSONObject:
    """The inputs as they will be sent, but for the ids of files that are still to be uploaded.

    Raises:
        InvalidRequestError: They are no JSON, or a file is not there.
    """
    return wire_inputs(inputs, planned_files(checked_paths(inputs)))


def checked_paths(*values: JSON) -> list[Path]:
    """Every path in the values once.

    Raises:
        InvalidRequestError: There is no file.
    """
    paths = list(dict.fromkeys(path for value in values for path in local_paths(value)))
    for path in paths:
        if not path.is_file():
            raise InvalidRequestError(f"There is no file {path} to upload.")
    return paths


def planned_files(paths: Sequence[Path]) -> dict[Path, WorkflowFile]:
    """The files as they will be, but for their ids."""
    return {
        path: WorkflowFile.uploaded(UNSENT_ID, type=file_type(path.suffix, None)) for path in paths
    }
