"""The inputs of an app and the fields of a form, and values for them from text that people type."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import attrs

from .._json import JSON, JSONObject, is_object
from .._record import Columns, Record, columns
from ..errors import InvalidRequestError
from ..models import HumanInputForm, WorkflowFile
from ..models.file import file_type
from .values import max_length

if TYPE_CHECKING:
    from dify_workflow_api.models import AppParameters, HumanInputField

_FILE_KINDS = frozenset({"file", "file-list"})
_TEXT_KINDS = frozenset({"text-input", "paragraph"})
_TRUTH = {
    **dict.fromkeys(("true", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "no", "n", "off", "0"), False),
}


@attrs.frozen(repr=False)
class Field(Record):
    """An input of an app, or a field of a form.

    Args:
        name: Name of the input.
        kind: Type of the input in GET /parameters, such as ``"number"``.
        label: Name that people see.
        required: Whether a run needs it.
        default: Default value; None if there is none.
        options: Choices of a select.
        longest: The most characters of a text, or the most files of a list; None for no limit.
        file_types: Types of file that it accepts; empty for any type.

    Example::

        for field in workflow.parameters().fields:
            print(field.name, field.kind, field.required)
    """

    name: str
    kind: str
    label: str
    required: bool = True
    default: JSON = None
    options: Sequence[str] = ()
    longest: int | None = None
    file_types: Sequence[str] = ()

    __dataclass_fields__: ClassVar[Columns] = columns(
        "name", "kind", "label", "required", "default", "options", "max_length", "file_types"
    )

    @property
    def max_length(self) -> int | None:
        """The same as `longest`: its name in GET /parameters."""
        return self.longest

    @property
    def takes_files(self) -> bool:
        """Whether its value is a file or a list of files."""
        return self.kind in _FILE_KINDS

    def read(self, text: str) -> JSON:
        """Read a value from a text.

        Args:
            text: What a person typed: a number, ``true``, a JSON object, one file per line, ….

        Returns:
            The value for the inputs of a run.

        Raises:
            InvalidRequestError: The text is not a value of this kind.
        """
        if self.takes_files:
            return self.files(text.splitlines())
        if self.kind == "number":
            return self._number(text)
        if self.kind == "checkbox":
            return self._truth(text)
        if self.kind == "json_object":
            return self._object(text)
        return self._text(text)

    def files(self, places: Sequence[str]) -> JSON:
        """The file or files at these paths and URLs.

        Args:
            places: Paths of files, which are uploaded before the run, and http(s) URLs.

        Returns:
            A file, or a list of files if `kind` is ``"file-list"``.

        Raises:
            InvalidRequestError: The input does not accept files, or not so many, or there is no
                such file.
        """
        if not self.takes_files:
            raise InvalidRequestError(
                f"{self.name} is not a file input; pass it as -i {self.name}=VALUE."
            )
        files = [file_at(place, self.file_types) for place in places]
        if self.kind == "file-list":
            if self.longest and len(files) > self.longest:
                raise InvalidRequestError(
                    f"{self.name} takes at most {self.longest} files, not {len(files)}."
                )
            return files
        if len(files) != 1:
            raise InvalidRequestError(f"{self.name} takes one file, not {len(files)}.")
        return files[0]

    def _number(self, text: str) -> int | float | None:
        if not text.strip():
            return None  # the server does the same
        try:
            return int(text)
        except ValueError:
            pass
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InvalidRequestError(f"{self.name} must be a number, not {text!r}.")
        return number

    def _truth(self, text: str) -> bool:
        truth = _TRUTH.get(text.strip().lower())
        if truth is None:
            raise InvalidRequestError(f"{self.name} must be true or false, not {text!r}.")
        return truth

    def _object(self, text: str) -> JSON:
        try:
            value: JSON = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidRequestError(f"{self.name} must be a JSON object: {error}.") from None
        if not is_object(value):
            raise InvalidRequestError(f"{self.name} must be a JSON object, not {text!r}.")
        return value

    def _text(self, text: str) -> str:
        if self.kind == "select" and self.options and text not in self.options:
            choices = ", ".join(self.options)
            raise InvalidRequestError(f"{self.name} must be one of {choices}, not {text!r}.")
        if self.kind in _TEXT_KINDS and self.longest and len(text) > self.longest:
            raise InvalidRequestError(
                f"{self.name} takes at most {self.longest} characters, not {len(text)}."
            )
        return text


def file_at(place: str, types: Sequence[str] = ()) -> Path | WorkflowFile:
    """The file at a path or an http(s) URL.

    Args:
        place: The path or URL.
        types: Types of file that the input accepts; empty for any type.

    Returns:
        The path, or a remote `WorkflowFile`.

    Raises:
        InvalidRequestError: There is no such file.
    """
    if place.startswith(("http://", "https://")):
        kind = file_type(PurePosixPath(urlsplit(place).path).suffix, None)
        # A URL may not show the type of its file, so the type is one that the input accepts.
        return WorkflowFile.remote(place, type=types[0] if types and kind not in types else kind)
    path = Path(place).expanduser()
    if not path.is_file():
        raise InvalidRequestError(f"There is no file {place}.")
    return path


def fields_of_app(parameters: AppParameters) -> list[Field]:
    """The inputs of an app, in their order.

    Args:
        parameters: What `DifyWorkflow.parameters` returned.
    """
    return [
        _field_of_app(kind, field)
        for item in parameters.user_input_form
        for kind, field in item.to_dict().items()
        if is_object(field) and isinstance(field.get("variable"), str)
    ]


def _field_of_app(kind: str, field: JSONObject) -> Field:
    return Field(
        name=field["variable"],
        kind=kind,
        label=field.get("label") or field["variable"],
        required=bool(field.get("required")),
        default=field.get("default"),
        options=field.get("options") or (),
        longest=max_length(field) or None,
        file_types=field.get("allowed_file_types") or (),
    )


def fields_of_form(form: HumanInputForm) -> list[Field]:
    """The fields of a form, in their order.

    Args:
        form: A form that a run waits for.
    """
    return [_field_of_form(form, field) for field in form.inputs]


def _field_of_form(form: HumanInputForm, field: HumanInputField) -> Field:
    default = form.default_values.get(field.output_variable_name)
    if default is None and field.default is not None and field.default.type_ == "constant":
        default = field.default.value
    return Field(
        name=field.output_variable_name,
        kind=field.type_,
        label=field.output_variable_name,
        required=False,  # it must be sent, but it may be empty
        default=default,
        options=(field.option_source and field.option_source.value) or (),
        longest=field.number_limits,
        file_types=field.allowed_file_types or (),
    )
