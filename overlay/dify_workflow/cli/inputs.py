"""The inputs of a run and the answers of a form, from the arguments of the command."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from .._json import JSON, JSONObject, is_object
from ..errors import InvalidRequestError
from ..inputs import Field, file_at
from ..output import Source, source_of


@attrs.frozen
class Given:
    """The inputs that the command was given.

    Args:
        values: Text by name (``-i NAME=VALUE``); the last one of a name is used.
        files: Paths and addresses by name (``--file NAME=PATH``), in their order.
        json: Values by name, from a file (``--inputs FILE``).
        sources: The files from which these are read.
    """

    values: Mapping[str, str]
    files: Mapping[str, Sequence[str]]
    json: JSONObject = attrs.field(factory=dict[str, JSON])
    sources: Sequence[Source] = ()

    @classmethod
    def of(
        cls, values: Sequence[str] | None, files: Sequence[str] | None, source: str | None = None
    ) -> Given:
        """Parse the arguments of the command.

        Args:
            values: The ``NAME=VALUE`` of each ``-i``.
            files: The ``NAME=PATH`` of each ``--file``.
            source: File with a JSON object, or ``-`` for stdin.

        Raises:
            InvalidRequestError: One of them is not such a pair, or the file has no JSON object.
        """
        places: dict[str, list[str]] = {}
        for name, place in (_pair("--file", "NAME=PATH", file) for file in files or ()):
            places.setdefault(name, []).append(place)
        texts = dict(_pair("--input", "NAME=VALUE", value) for value in values or ())
        values_from = source_of(sys.stdin) if source == "-" else [source] if source else []
        sources = [*values_from, *(place for each in places.values() for place in each)]
        return cls(texts, places, _json_from(source), sources)


def typed(given: Given, fields: Sequence[Field]) -> JSONObject:
    """The values with the types of the fields.

    Raises:
        InvalidRequestError: There is no such field, or it does not accept the value.
    """
    known = {field.name: field for field in fields}
    for name in (*given.values, *given.files):
        if name not in known:
            raise InvalidRequestError(_unknown(name, known))
    return {
        **given.json,
        **{
            name: known[name].read(_no_file(known[name], text))
            for name, text in given.values.items()
        },
        **{name: known[name].files(places) for name, places in given.files.items()},
    }


def untyped(given: Given, fields: Sequence[Field] = ()) -> JSONObject:
    """The values if the fields of the app are not known for certain.

    A value gets the type of the field of that name if this is possible; otherwise it is text.

    Args:
        given: What was given.
        fields: Fields of another version, which may differ from the real ones.

    Raises:
        InvalidRequestError: There is no such file.
    """
    known = {field.name: field for field in fields}
    values: JSONObject = {**given.json, **given.values}
    for name in known.keys() & given.values.keys():
        try:
            values[name] = known[name].read(given.values[name])
        except InvalidRequestError:
            continue  # the real field may accept it as text
    for name, places in given.files.items():
        is_list = len(places) > 1 or (name in known and known[name].kind == "file-list")
        files = [file_at(place) for place in places]
        values[name] = files if is_list else files[0]
    return values


def _pair(option: str, form: str, text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise InvalidRequestError(f"{option} takes {form}, not {text!r}.")
    return name, value


def _json_from(source: str | None) -> JSONObject:
    if source is None:
        return {}
    try:
        # As bytes: json then detects UTF-8, UTF-16 and UTF-32, with and without BOM.
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        value: JSON = json.loads(data)
    except OSError as error:
        raise InvalidRequestError(f"--inputs {source}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"--inputs {source} is not text in UTF-8 or UTF-16: {error}."
        ) from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"--inputs {source} is not JSON: {error}.") from None
    if not is_object(value):
        raise InvalidRequestError(f"--inputs {source}: the inputs must be a JSON object.")
    return value


def _no_file(field: Field, text: str) -> str:
    if field.takes_files:
        raise InvalidRequestError(f"{field.name} is a file; give it with --file {field.name}=PATH.")
    return text


def _unknown(name: str, known: Mapping[str, Field]) -> str:
    if not known:
        return f"There is no input {name!r}: there are no inputs."
    nearest = difflib.get_close_matches(name, known, n=1)
    rest = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}."
    return f"There is no input {name!r}; {rest}"
