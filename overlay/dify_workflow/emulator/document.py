"""The page as one document: its style and scripts stand in it, and nothing else may run."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "page"


@cache
def document() -> tuple[str, str]:
    """The document, and its ``Content-Security-Policy``.

    By the policy a browser runs and loads nothing else, even if a text of a run came to stand in
    the page as markup.
    """
    text = re.sub(
        r"\{\{ (\S+) \}\}",
        lambda part: (_FOLDER / part[1]).read_text(encoding="utf-8"),
        (_FOLDER / "page.html").read_text(encoding="utf-8"),
    )
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; "
        f"style-src {_hashed(text, 'style')}; script-src {_hashed(text, 'script')}"
    )
    return text, policy


def _hashed(text: str, tag: str) -> str:
    """The one source that a policy allows: what stands between the tags."""
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert found is not None
    digest = hashlib.sha256(found[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
