"""Versions that first had each endpoint that Dify 1.0 lacks (`x-since` in openapi.yaml).

Written by scripts/generate; change openapi.yaml and run `make generate` instead.
"""

from __future__ import annotations

SINCE: dict[tuple[str, str], str] = {
    ("post", "/workflows/{workflow_id}/run"): "1.7.2",
    ("get", "/workflow/{workflow_run_id}/events"): "1.14.0",
    ("get", "/form/human_input/{form_token}"): "1.14.0",
    ("post", "/form/human_input/{form_token}"): "1.14.0",
    ("get", "/end-users/{end_user_id}"): "1.13.0",
    ("get", "/site"): "1.4.0",
}
"""First version by method, in lower case, and path."""
