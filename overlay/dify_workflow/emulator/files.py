"""Uploaded files: which ones are allowed, and who may use them."""

from __future__ import annotations

import base64
import json
import mimetypes
import secrets
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5

from .._json import JSONObject
from .requests import ApiError, invalid, is_uuid

if TYPE_CHECKING:
    from .dialect import Dialect
    from .store import Store

TENANT_ID = str(uuid5(NAMESPACE_URL, "tenant"))
"""Id of the only workspace."""

_MEGABYTE = 1024 * 1024
_LIMITS = {"image": 10 * _MEGABYTE, "audio": 50 * _MEGABYTE, "video": 100 * _MEGABYTE}
_LIMIT = 15 * _MEGABYTE
"""The largest size of a file of any other type, in bytes."""

_LONGEST_NAME = 200
"""The number of characters kept of a file's name, without the extension."""

_ENDINGS = {
    "image": {"jpg", "jpeg", "png", "webp", "gif", "svg"},
    "video": {"mp4", "mov", "mpeg", "webm"},
    "audio": {"mp3", "m4a", "wav", "amr", "mpga"},
    "document": {"txt", "markdown", "md", "mdx", "pdf", "html", "htm", "xlsx", "xls", "vtt", "csv"}
    | {"properties", "doc", "docx", "eml", "msg", "pptx", "ppt", "xml", "epub"},
}
"""File name extensions by type."""

_UNKNOWN = {"tool_file": "ToolFile", "datasource_file": "DatasourceFile"}
"""Transfer methods that the emulator cannot make, and the server's names for them."""

_METHODS = {"local_file", "remote_url", *_UNKNOWN}
"""Transfer methods."""

_NOWHERE = ".invalid"
"""Hosts that cannot exist (RFC 2606). Files of other hosts count as present; none is fetched."""


class Files:
    """The files of all apps."""

    def __init__(self, store: Store, dialect: Dialect) -> None:
        self._store = store
        self._dialect = dialect

    def add(
        self, app: str, user_id: str, *, name: str, mime_type: str, content: bytes, base_url: str
    ) -> JSONObject:
        """Store a file, and return the answer to its upload."""
        dialect = self._dialect
        if not name:
            text = "The specified filename does not exist."
            raise ApiError(400, "filename_not_exists_error", text)
        if dialect.since(1, 7) and ("/" in name or "\\" in name):
            raise invalid("Filename contains invalid characters")
        if not mime_type:
            raise ApiError(415, "unsupported_file_type", "File type not allowed.")
        if len(content) > _LIMITS.get(mime_type.partition("/")[0], _LIMIT):
            raise ApiError(413, "file_too_large", "")
        file_id, now, extension = str(uuid4()), self._store.now(), _extension(name)
        if len(name) > _LONGEST_NAME:
            name = f"{name.partition('.')[0][:_LONGEST_NAME]}.{extension}"
        self._store.put(
            "files", id=file_id, app=app, user_id=user_id, name=name, mime_type=mime_type,
            content=content, created=now,
        )  # fmt: skip
        answer: JSONObject = {
            "id": file_id,
            "name": name,
            "size": len(content),
            "extension": extension,
            "mime_type": mime_type,
            "created_by": user_id,
            "created_at": int(now),
        }
        if dialect.since(1, 7):
            answer["preview_url"] = None
        if dialect.since(1, 9):
            answer["source_url"] = self._signed(base_url, file_id)
        if dialect.since(1, 13):
            answer |= dict.fromkeys(("original_url", "user_id", "conversation_id", "file_key"))
            answer["tenant_id"] = TENANT_ID
        return answer

    def build(self, given: JSONObject, app: str, user_id: str, base_url: str) -> JSONObject:
        """Return the server's file for a file in a request.

        Raises:
            ApiError: There is no such file, or it differs from what the request says.
        """
        method = given.get("transfer_method")
        if not method:
            raise invalid("transfer_method is required in file mapping")
        if method not in _METHODS:
            raise invalid(f"'{method}' is not a valid FileTransferMethod")
        file_id = given.get("upload_file_id") or given.get("related_id") or given.get("id")
        if method in _UNKNOWN:
            raise invalid(f"{_UNKNOWN[method]} {file_id} not found")
        if file_id:
            link = self._signed(base_url, file_id)
            name, mime_type, size = self._uploaded(file_id, app, user_id)
        elif method == "local_file":
            raise invalid("Invalid upload file id")
        else:
            link = str(given.get("url") or given.get("remote_url") or "")
            name, mime_type, size = _remote(link)
        kind = given.get("type", "custom" if method == "local_file" else None)
        detected = _kind(_extension(name), mime_type)
        if kind and kind != detected and (file_id or detected != "custom"):
            raise invalid(
                "Detected file type does not match the specified type. Please verify the file."
            )
        shown: JSONObject = {
            "dify_model_identity": "__dify__file__",
            "id": None,
            "type": kind or "custom",
            "transfer_method": method,
            "remote_url": link,
            "filename": name,
            "extension": f".{_extension(name)}" if "." in name else "",
            "mime_type": mime_type,
            "size": size,
            "related_id": file_id or None,
            "url": link,
        }
        if file_id and (self._dialect.since(1, 14) or not self._dialect.since(1, 7)):
            shown["remote_url"] = ""
        if not self._dialect.since(1, 14):
            return shown | {"tenant_id": TENANT_ID}
        reference = base64.b64encode(json.dumps({"record_id": file_id}).encode()).decode()
        return shown | {"reference": f"dify-file-ref:{reference}" if file_id else None}

    def _uploaded(self, file_id: str, app: str, user_id: str) -> tuple[str, str, int]:
        """Return name, media type and size of an uploaded file."""
        if not is_uuid(file_id):
            raise invalid("Invalid upload file id format")
        row = self._store.one("SELECT * FROM files WHERE id = ? AND app = ?", (file_id, app))
        if row is None or (self._dialect.since(1, 14) and row["user_id"] != user_id):
            raise invalid("Invalid upload file")
        return row["name"], row["mime_type"], len(row["content"])

    def _signed(self, base_url: str, id: str) -> str:
        """Return an address in the form of the server's signed ones. It does not work."""
        root = base_url.removesuffix("/v1")
        sign = f"timestamp={int(self._store.now())}&nonce={secrets.token_hex(16)}&sign=emulated"
        return f"{root}/files/{id}/file-preview?{sign}"


def _remote(link: str) -> tuple[str, str, int]:
    """Return name, media type and size of another server's file, derived from its address."""
    if not link:
        raise invalid("Invalid file url")
    place = urlsplit(link)
    if (place.hostname or "").endswith(_NOWHERE):
        raise invalid(f"Reached maximum retries for URL {link}")
    name = unquote(place.path.rpartition("/")[2]) or "file"
    return name, mimetypes.guess_type(name)[0] or "application/octet-stream", -1


def _kind(extension: str, mime_type: str) -> str:
    """Return the type that the server assigns to a file."""
    for kind, endings in _ENDINGS.items():
        if extension in endings:
            return kind
    family = mime_type.partition("/")[0]
    return family if family in _ENDINGS else "custom"


def _extension(name: str) -> str:
    return PurePath(name).suffix.lstrip(".").lower()
