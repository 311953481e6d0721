"""The values of inputs: the JSON that is sent, and the server's rules for it. Pure.

The rules are those of the server in blocking mode. Dify 1.13 and 1.14 apply them in streaming mode
too, but report no error. Their messages are the server's own, so that code that reads them works in
both modes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from .._json import JSON, JSONObject, is_list, is_object, is_text
from ..errors import InputProblem, InvalidRequestError
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
    return _encodable(name, place)


def _scalar(value: JSON, place: str) -> JSON:
    if isinstance(value, str):
        return _encodable(value, place)
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


def _encodable(text: str, place: str) -> str:
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


# ------------------------------------------------------------------------------ the server's rules

_SILENT_VERSIONS = ("1.13.", "1.14.")
"""Versions that do not answer invalid inputs in streaming mode."""

_TRANSFER_METHODS = ("local_file", "remote_url", "tool_file", "datasource_file")
_FILE_TYPES = ("image", "document", "audio", "video", "custom")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
"""The format of the server's ids. Its database refuses any other text."""

_SERVER_REFERENCE = "dify-file-ref:"
"""The start of the server's own file references, which it accepts in place of an id."""


def needs_check(server_version: str | None) -> bool:
    """Whether a server does not answer invalid inputs, or its version is not known."""
    return server_version is None or server_version.startswith(_SILENT_VERSIONS)


def is_uuid(value: str) -> bool:
    """Whether the server's database accepts a text as an id."""
    return _UUID.fullmatch(value) is not None


def problems(form: JSON, inputs: Mapping[str, JSON]) -> list[InputProblem]:
    """Check the inputs of a run by the server's rules.

    Args:
        form: ``user_input_form`` of GET /parameters.
        inputs: The inputs as plain JSON.

    Returns:
        Every problem, in the order of the app's inputs; empty if the inputs are valid.
    """
    found: list[InputProblem] = []
    for field in _fields(form):
        name = field["variable"]
        message = _problem(field, inputs.get(name))
        if message:
            found.append(InputProblem(name, message))
    return found


def undeclared(form: JSON, inputs: Mapping[str, JSON]) -> list[str]:
    """Names of inputs that the app does not declare. The server ignores them.

    Args:
        form: ``user_input_form`` of GET /parameters.
        inputs: The inputs.
    """
    declared = {field["variable"] for field in _fields(form)}
    return [name for name in inputs if name not in declared]


def _fields(form: JSON) -> Iterator[JSONObject]:
    """The fields of the form. Each is an object with one key, which is the kind of the field."""
    for item in form if is_list(form) else ():
        for kind, field in item.items() if is_object(item) else ():
            if is_object(field) and isinstance(field.get("variable"), str):
                yield {"type": kind, **field}


def _problem(field: JSONObject, value: JSON) -> str | None:
    name = field["variable"]
    if value is None:
        if field.get("required"):
            return f"{name} is required in input form"
        value = field.get("default")
        if value is None:
            return None
    check = _CHECKS.get(str(field["type"]))
    return check(field, name, value) if check else None


def _text(field: JSONObject, name: str, value: JSON) -> str | None:
    if not isinstance(value, str):
        return f"(type '{field['type']}') {name} in input form must be a string"
    longest = max_length(field)
    if longest and len(value) > longest:
        return f"{name} in input form must be less than {longest} characters"
    return None


def _select(field: JSONObject, name: str, value: JSON) -> str | None:
    if not isinstance(value, str):
        return f"(type '{field['type']}') {name} in input form must be a string"
    options = _list(field, "options")
    if value not in options:
        return f"{name} in input form must be one of the following: {options}"
    return None


def _number(_field: JSONObject, name: str, value: JSON) -> str | None:
    if isinstance(value, int | float):
        return None
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            float(value) if "." in value else int(value)
        except ValueError:
            return f"{name} in input form must be a valid number"
        return None
    return f"{name} in input form must be a number, not {_json_type(value)}"


def _checkbox(_field: JSONObject, name: str, value: JSON) -> str | None:
    has_object = is_object(value) or (is_list(value) and any(is_object(item) for item in value))
    return f"Invalid input type for ['{name}']" if has_object else None


def _json_object(_field: JSONObject, name: str, value: JSON) -> str | None:
    if value and not is_object(value):
        return f"{name} in input form must be a dict"
    return None


def _file(field: JSONObject, name: str, value: JSON) -> str | None:
    if value == "" and not field.get("required"):
        return None
    if isinstance(value, str):
        return f"{name} in input form must be a file; pathlib.Path uploads one"
    if not is_object(value):
        return f"{name} in input form must be a file"
    return _file_problem(field, value)


def _file_list(field: JSONObject, name: str, value: JSON) -> str | None:
    if value == "" and not field.get("required"):
        return None
    if not is_list(value) or not all(is_object(item) for item in value):
        return f"{name} in input form must be a list of files"
    most = max_length(field)
    if most and len(value) > most:
        return f"{name} in input form must be less than {most} files"
    # The server skips files without a method, and remote files without a URL.
    kept = (file for file in value if file.get("transfer_method") and not _lacks_url(file))
    return next(filter(None, (_file_problem(field, file) for file in kept)), None)


def _file_problem(field: JSONObject, file: JSONObject) -> str | None:
    method = file.get("transfer_method")
    kind = file.get("type", "custom")
    if not method:
        return "transfer_method is required in file mapping"
    if method not in _TRANSFER_METHODS:
        return f"'{method}' is not a valid FileTransferMethod"
    file_id = _file_id(file)
    if method == "local_file" and not file_id:
        return "Invalid upload file id"
    if method == "remote_url" and not file_id and _lacks_url(file):
        return "Invalid file url"
    if file_id and not file_id.startswith(_SERVER_REFERENCE) and not is_uuid(file_id):
        return "Invalid upload file id format"
    if kind and kind not in _FILE_TYPES:
        return f"'{kind}' is not a valid FileType"
    if _is_allowed(field, kind, method):
        return None
    types = ", ".join(map(str, _list(field, "allowed_file_types"))) or "any type"
    return f"File validation failed for file: it is {kind}, by {method}; the input accepts {types}"


def _is_allowed(field: JSONObject, kind: str, method: str) -> bool:
    """Whether the field accepts files of this kind, sent by this method."""
    if method == "tool_file":
        return True
    types = _list(field, "allowed_file_types")
    methods = _list(field, "allowed_file_upload_methods")
    if kind == "custom":  # the file extension decides; only the server knows it
        if not _list(field, "allowed_file_extensions"):
            return False
    elif types and kind not in types:
        return False
    return kind == "image" or not methods or method in methods


def _lacks_url(file: JSONObject) -> bool:
    return file.get("transfer_method") == "remote_url" and not (
        file.get("url") or file.get("remote_url")
    )


def _file_id(file: JSONObject) -> str | None:
    candidates = (file.get(key) for key in ("upload_file_id", "reference", "related_id"))
    return next((value for value in candidates if isinstance(value, str) and value), None)


def max_length(field: JSONObject) -> int | None:
    """The field's ``max_length`` (a string in old apps); None if there is none."""
    limit = field.get("max_length")
    if isinstance(limit, str) and limit.isdecimal():
        return int(limit)
    return limit if isinstance(limit, int) else None


def _list(field: JSONObject, name: str) -> list[JSON]:
    value = field.get(name)
    return value if is_list(value) else []


def _json_type(value: JSON) -> str:
    return "an object" if is_object(value) else "a list"


_CHECKS: dict[str, Callable[[JSONObject, str, JSON], str | None]] = {
    "text-input": _text,
    "paragraph": _text,
    "select": _select,
    "number": _number,
    "checkbox": _checkbox,
    "json_object": _json_object,
    "file": _file,
    "file-list": _file_list,
}
"""The rule for each kind of input. Other kinds accept anything."""
