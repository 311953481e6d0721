"""Files: inputs of runs, uploaded files, and files among outputs."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath
from typing import NotRequired, TypedDict

import attrs

from dify_workflow_api import models as wire

from .._json import JSONObject
from .._record import Record, moment_of
from ..errors import InvalidRequestError

_EXTENSIONS: dict[str, frozenset[str]] = {
    "image": frozenset({"jpg", "jpeg", "png", "webp", "gif", "svg"}),
    "video": frozenset({"mp4", "mov", "mpeg", "webm"}),
    "audio": frozenset({"mp3", "m4a", "wav", "amr", "mpga"}),
    "document": frozenset(
        {"txt", "markdown", "md", "mdx", "pdf", "html", "htm", "xlsx", "xls", "vtt", "properties"}
        | {"doc", "docx", "csv", "eml", "msg", "ppt", "pptx", "xml", "epub"}
    ),
}
"""Dify's file types and the file extensions of each; other extensions are ``"custom"``."""


def file_type(extension: str | None, media_type: str | None) -> wire.FileType:
    """Dify's type for a file. The server refuses a `local_file` with another type.

    Args:
        extension: File extension, with or without its dot.
        media_type: Media type, such as ``"image/png"``.
    """
    ending = (extension or "").removeprefix(".").lower()
    for kind, endings in _EXTENSIONS.items():
        if ending in endings:
            return kind
    family = (media_type or "").partition("/")[0]
    return family if family in {"image", "video", "audio"} else "custom"


@attrs.frozen
class WorkflowFile:
    """A file as an input of a run. Make one with `remote` or `uploaded`.

    Args:
        type: Type of the file: ``"image"``, ``"document"``, ``"audio"``, ``"video"`` or
            ``"custom"``.
        url: URL of a remote file; None for an uploaded file.
        upload_file_id: Id (UUID) of an uploaded file; None for a remote file.

    Example::

        photo = WorkflowFile.remote("https://example.com/cat.png", type="image")
        inputs = {"name": "Ann", "photo": photo}
    """

    type: wire.FileType
    url: str | None = None
    upload_file_id: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.type:
            raise InvalidRequestError("A WorkflowFile needs a type, such as 'image' or 'document'.")
        if bool(self.url) == bool(self.upload_file_id):
            raise InvalidRequestError(
                "A WorkflowFile needs either url or upload_file_id, and not both."
            )

    @classmethod
    def remote(cls, url: str, *, type: wire.FileType) -> WorkflowFile:
        """A file that the server downloads.

        Args:
            url: URL that the server can reach.
            type: Type of the file.

        Returns:
            The file, for the inputs or files of a run.

        Raises:
            InvalidRequestError: The URL or the type is empty.

        Example::

            photo = WorkflowFile.remote("https://example.com/cat.png", type="image")
            run = workflow.run_workflow({"name": "Ann"}, files=[photo])
        """
        return cls(type, url=url)

    @classmethod
    def uploaded(cls, id: str, *, type: wire.FileType) -> WorkflowFile:
        """A file that the same user has uploaded.

        Args:
            id: Id (UUID) of the file: `UploadedFile.id`.
            type: Type of the file. `UploadedFile.as_input` sets it for you.

        Returns:
            The file, for the inputs or files of a run.

        Raises:
            InvalidRequestError: The id or the type is empty.

        Example::

            file = workflow.upload_file(b"Hello", filename="hello.txt")
            note = WorkflowFile.uploaded(file.id, type="document")
            run = workflow.run_workflow({"name": "Ann"}, files=[note])
        """
        return cls(type, upload_file_id=id)

    def to_wire(self) -> JSONObject:
        """The JSON object for this file in the inputs of a run or form.

        Returns:
            The object as it is sent. You need it only for requests that you send yourself.

        Example::

            photo = WorkflowFile.remote("https://example.com/cat.png", type="image")
            assert photo.to_wire()["transfer_method"] == "remote_url"
        """
        if self.url:
            return {"type": self.type, "transfer_method": "remote_url", "url": self.url}
        return {
            "type": self.type,
            "transfer_method": "local_file",
            "upload_file_id": self.upload_file_id,
        }


@attrs.frozen(repr=False)
class UploadedFile(Record):
    """A file on the server (POST /files/upload).

    Args:
        id: Id of the file (UUID).
        name: Name of the file.
        size: Size in bytes.
        extension: File extension, without its dot; may be empty.
        mime_type: Media type; None if the server does not know it.
        created_by: Id (UUID) of the end user who uploaded it.
        created_at: Time of the upload (Unix seconds).
        source_url: Signed URL to download the file, valid for a limited time; None before Dify 1.9.
        raw: The decoded answer of the server.

    Example::

        file = workflow.upload_file(b"Hello", filename="hello.txt")
        inputs = {"name": "Ann", "attachment": file}
    """

    id: str
    name: str
    size: int
    extension: str | None
    mime_type: str | None
    created_by: str | None
    created_at: int
    source_url: str | None
    raw: JSONObject = attrs.field(repr=False)

    @property
    def created_time(self) -> datetime | None:
        """`created_at` as a datetime in UTC."""
        return moment_of(self.created_at)

    @property
    def type(self) -> wire.FileType:
        """The file type that the server gave it."""
        return file_type(self.extension or PurePath(self.name).suffix, self.mime_type)

    def as_input(self, *, type: wire.FileType | None = None) -> WorkflowFile:
        """The file as an input of a run.

        Args:
            type: Type of the file; by default the server's type for it. Inputs of a single file
                accept only that type.

        Returns:
            The file, for the inputs or files of a run.

        Example::

            file = workflow.upload_file(b"Hello", filename="hello.txt")
            run = workflow.run_workflow({"name": "Ann"}, files=[file.as_input()])
        """
        return WorkflowFile.uploaded(self.id, type=type or self.type)


class OutputFile(TypedDict):
    """A file in `WorkflowRunResponse.outputs`, as a dict.

    The workflow made the file, or took it from its inputs. `url` is signed and valid for a limited
    time.
    """

    dify_model_identity: str
    """Always ``"__dify__file__"``."""
    id: str | None
    type: str
    """Type of the file: ``"image"``, ``"document"``, ``"audio"``, ``"video"`` or ``"custom"``."""
    transfer_method: str
    """``"local_file"``, ``"remote_url"`` or ``"tool_file"``."""
    remote_url: str | None
    filename: str | None
    extension: str | None
    """File extension, with its dot."""
    mime_type: str | None
    size: int
    """Size in bytes; -1 if the server does not know it."""
    url: str | None
    """URL to download the file."""
    related_id: NotRequired[str | None]
    """Id of the upload (UUID)."""
    reference: NotRequired[str | None]
    """Since Dify 1.13."""
    tenant_id: NotRequired[str]
    """Up to Dify 1.9."""
