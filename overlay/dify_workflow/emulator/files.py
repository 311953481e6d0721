"""Files that were uploaded: what may be, and who may use them."""

from __future__ import annotations

import base64
import json
import mimetypes
import secrets
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5

from .._json import JSON, JSONObject, is_list, is_object
from ..models.file import file_type
from .requests import ApiError, invalid

if TYPE_CHECKING:
    from .dialect import Dialect
    from .store import Store

TENANT_ID = str(uuid5(NAMESPACE_URL, "tenant"))
"""Id of the one workspace."""

_MEGABYTE = 1024 * 1024
_LIMITS = {"image": 10 * _MEGABYTE, "audio": 50 * _MEGABYTE, "video": 100 * _MEGABYTE}
_LIMIT = 15 * _MEGABYTE
"""Largest file of another kind, in bytes."""

_NOWHERE = ".invalid"
"""Hosts that no name server knows (RFC 2606). Files of others are there: nothing asks for them."""


class Files:
    """The files of all apps."""

    def __init__(self, store: Store, dialect: Dialect) -> None:
        self._store = store
        self._dialect = dialect

    def add(
        self, app: str, user_id: str, *, name: str, mime_type: str, content: bytes, base_url: str
    ) -> JSONObject:
        """Keep a file; the answer to its upload."""
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
        file_id, now = str(uuid4()), self._store.now()
        self._store.put(
            "files", id=file_id, app=app, user_id=user_id, name=name, mime_type=mime_type,
            content=content, created=now,
        )  # fmt: skip
        answer: JSONObject = {
            "id": file_id,
            "name": name,
            "size": len(content),
            "extension": _extension(name),
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

    def resolved(self, inputs: JSONObject, app: str, user_id: str, base_url: str) -> JSONObject:
        """Inputs as they were sent, with the files that they name."""

        def resolve(value: JSON) -> JSON:
            if is_list(value):  # the server passes over files of a list that have no method
                named = (item for item in value if not is_object(item) or _is_file(item))
                return [resolve(item) for item in named]
            if is_object(value) and _is_file(value):
                return self._file(value, app, user_id, base_url)
            return value

        return {name: resolve(value) for name, value in inputs.items()}

    def _file(self, given: JSONObject, app: str, user_id: str, base_url: str) -> JSONObject:
        file_id = given.get("upload_file_id") or given.get("related_id") or given.get("id")
        if file_id:
            row = self._store.one("SELECT * FROM files WHERE id = ? AND app = ?", (file_id, app))
            if row is None or (self._dialect.since(1, 14) and row["user_id"] != user_id):
                raise invalid("Invalid upload file")
            name, mime_type, size = row["name"], row["mime_type"], len(row["content"])
            if given.get("type", "custom") not in {
                "custom",
                file_type(_extension(name), mime_type),
            }:
                raise invalid(
                    "Detected file type does not match the specified type. Please verify the file."
                )
            link = self._signed(base_url, file_id)
        else:
            link = str(given.get("url") or given.get("remote_url"))
            place = urlsplit(link)
            if (place.hostname or "").endswith(_NOWHERE):
                raise invalid(f"Reached maximum retries for URL {link}")
            name = unquote(place.path.rpartition("/")[2]) or "file"
            mime_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            size = -1
        shown: JSONObject = {
            "dify_model_identity": "__dify__file__",
            "id": None,
            "type": given.get("type", "custom"),
            "transfer_method": given["transfer_method"],
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

    def _signed(self, base_url: str, id: str) -> str:
        """An address as the server signs it; nothing answers there."""
        root = base_url.removesuffix("/v1")
        sign = f"timestamp={int(self._store.now())}&nonce={secrets.token_hex(16)}&sign=emulated"
        return f"{root}/files/{id}/file-preview?{sign}"


def _extension(name: str) -> str:
    return name.rpartition(".")[2] if "." in name else ""


def _is_file(value: JSONObject) -> bool:
    return bool(value.get("transfer_method"))
