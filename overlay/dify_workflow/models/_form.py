"""Forms at which a run waits for a person."""

from __future__ import annotations

import attrs

from dify_workflow_api import models as wire

from .._json import JSON, JSONObject


@attrs.frozen
class HumanInputForm:
    """A form at which a run waits (GET /form/human_input/{form_token}, and paused runs).

    Args:
        token: Token to read and submit the form with; None where this key cannot.
        content: Text of the form (Markdown). Rendered, but for the places of its fields; in the
            replay of a paused run it is the raw template (DIFY.md section 5).
        inputs: Fields of the form.
        actions: Ways to send the form off.
        default_values: Default value by name of the field.
        expires_at: When the form expires (Unix seconds); None where the server does not say.
        id: Id of the form (UUID), the key to tell forms apart; None where read by its token.
        node_id: Id of the node that waits; None where read by its token.
        node_title: Title of the node that waits; None where read by its token.
        approval_channels: Other places where the form can be answered, such as ``"console"``.
        raw: The form as it was decoded.
    """

    token: str | None
    content: str
    inputs: tuple[wire.HumanInputField, ...]
    actions: tuple[wire.HumanInputAction, ...]
    default_values: JSONObject
    expires_at: int | None
    id: str | None = None
    node_id: str | None = None
    node_title: str | None = None
    approval_channels: tuple[str, ...] = ()
    raw: JSONObject = attrs.field(repr=False, factory=dict[str, JSON])
