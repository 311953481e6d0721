"""The inputs of runs and forms as the JSON that is sent to the server."""

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
"""Replaces the id of a file that is not uploaded yet. Uploads begin when all else is valid."""

# Tuples, because isinstance is slow with unions and abstract classes.
_SCALARS = (str, bool, int, float)
_SEQUENCES = (list, tuple)
_MAPPINGS = (dict, Mapping)


def local_paths(value: JSON) -> list[Path]:
    """The paths in a value: the files to upload.

    Raises:
        InvalidRequestError: It is nested too deeply.
    """
    try:
        return list(_paths(value))
    except RecursionError:
        raise _too_deep("inputs") from None


def _paths(value: JSON) -> Iterator[Path]:
    if isinstance(value, str):  # the most frequent type
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
        inputs: JSON values that may contain `WorkflowFile`, `UploadedFile` and `pathlib.Path`.
        uploads: The uploaded file for each path.

    Raises:
        InvalidRequestError: A value cannot be sent as JSON. The message says where it is.
    """
    if not isinstance(inputs, Mapping):
        raise InvalidRequestError(
            f"inputs must be a dict or another mapping, not {type(inputs).__name__}."
        )
    try:
        wire: JSONObject = _wire(inputs, "inputs", uploads)
    except RecursionError:
        raise _too_deep("inputs") from None
    return wire


def wire_files(files: JSON, uploads: Mapping[Path, WorkflowFile]) -> list[JSONObject]:
    """The files of a run as plain JSON.

    Raises:
        InvalidRequestError: It is not a list of files.
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
                f"files[{index}] is not a file; make one with WorkflowFile.remote or "
                "WorkflowFile.uploaded."
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
        f"{place} is of the type {type(value).__name__}; it must be JSON, WorkflowFile, "
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
        raise InvalidRequestError(f"{place} has the key {name!r}; keys must be strings.")
    return _text(name, place)


def _scalar(value: JSON, place: str) -> JSON:
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRequestError(f"{place} is {value}, which JSON does not support.")
    if isinstance(value, int):
        try:
            str(value)
        except ValueError:  # Python writes and reads at most 4,300 digits
            raise InvalidRequestError(
                f"{place} has more than 4,300 digits, which JSON readers refuse."
            ) from None
    return value


def _text(text: str, place: str) -> str:
    if not is_text(text):
        raise InvalidRequestError(
            f"{place} has half a surrogate pair, which UTF-8 cannot encode; remove it."
        )
    return text


def planned_inputs(inputs: Mapping[str, JSON]) -> JSONObject:
    """The inputs as they will be sent, except for the ids of files that are not uploaded yet.

    Args:
        inputs: JSON values that may contain `WorkflowFile`, `UploadedFile` and `pathlib.Path`.

    Raises:
        InvalidRequestError: A value cannot be sent as JSON, or a file does not exist.
    """
    return wire_inputs(inputs, planned_files(checked_paths(inputs)))


def checked_paths(*values: JSON) -> list[Path]:
    """The different paths in the values.

    Raises:
        InvalidRequestError: A file does not exist.
    """
    paths = list(dict.fromkeys(path for value in values for path in local_paths(value)))
    for path in paths:
        if not path.is_file():
            raise InvalidRequestError(f"There is no file {path} to upload.")
    return paths


def planned_files(paths: Sequence[Path]) -> dict[Path, WorkflowFile]:
    """The files as they will be sent, except for their ids."""
    return {
        path: WorkflowFile.uploaded(UNSENT_ID, type=file_type(path.suffix, None)) for path in paths
    }
