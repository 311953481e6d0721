"""Hides API keys in the log of the HTTP libraries.

At DEBUG they write the headers of answers, and a server may send the key back in one of them.
"""

from __future__ import annotations

import logging
from weakref import WeakValueDictionary

from .._secret import ApiKey

_PARTS = ("connection", "http11", "http2", "proxy", "socks")
_LOGGERS = (
    *("httpx", "httpx2", "hpack.hpack", "hpack.table"),
    *(f"{library}.{part}" for library in ("httpcore", "httpcore2") for part in _PARTS),
)
"""Each logger that writes. A filter of a logger does not see what loggers below it write."""

_ENCODED = ("Encoded header block", "Decoding %")
"""Starts of messages of hpack with encoded headers. A key in them cannot be found."""

HIDDEN: WeakValueDictionary[int, ApiKey] = WeakValueDictionary()
"""The keys to hide, by `id`, as long as they exist: those of clients and of calls under way."""


def _without_keys(record: logging.LogRecord) -> bool:
    """Replace the keys in a record; False if that is not possible, so that it is not written."""
    if str(record.msg).startswith(_ENCODED):
        return False
    text = hidden = record.getMessage()
    for reference in HIDDEN.valuerefs():  # a copy: other threads send, too
        key = reference()
        hidden = hidden if key is None else key.hide_in(hidden)
    if hidden != text:
        record.msg, record.args = hidden, None
    return True


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_without_keys)
