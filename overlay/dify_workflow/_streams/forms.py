"""Remembers which forms this client has answered. Pure.

After a form was answered, the server's record and its replays still show the pause and the form.
They do so until a worker continues the run: 0.1 s on an idle server, some seconds on a busy one.
"""

from __future__ import annotations

from .._bounded import BoundedDict

_MOST = 10_000
"""How many forms are remembered."""


class AnsweredForms:
    """Remembers forms by their tokens, and which of them were answered."""

    def __init__(self) -> None:
        self._seen = BoundedDict[str, tuple[str | None, str | None]](_MOST)
        """Id of the run and of the form, by token."""
        self._answered = BoundedDict[str, None](_MOST)
        """Tokens and ids of forms that were answered, by this client or by others."""
        self._submitted = BoundedDict[str, bool](_MOST)
        """Whether an answer of this client was accepted, by token."""

    def see(self, run_id: str | None, form_id: str | None, token: str | None) -> None:
        """Record that a run waits, or has waited, for a form."""
        if token is not None:
            self._seen[token] = run_id, form_id

    def run_of(self, token: str) -> str | None:
        """Id of the run that waits, or has waited, at a form, where it was seen."""
        run_id, _ = self._seen.get(token, (None, None))
        return run_id

    def submit(self, token: str, *, is_accepted: bool) -> None:
        """Record that this client has sent an answer to a form.

        Args:
            token: Token of the form.
            is_accepted: Whether the server has accepted it. False means that this is not known.
        """
        self._submitted[token] = is_accepted
        if is_accepted:
            self.answer(token)

    def is_accepted(self, token: str) -> bool | None:
        """Whether the server accepted an answer of this client; None if none was sent."""
        return self._submitted.get(token)

    def answer(self, token: str) -> None:
        """Record that a form was answered."""
        _, form_id = self._seen.get(token, (None, None))
        self._answered[token] = None
        if form_id is not None:
            self._answered[form_id] = None

    def has_answered(self, form_id: str | None, token: str | None) -> bool:
        """Whether a form was answered, by its id or its token."""
        return form_id in self._answered or token in self._answered

    def has_answered_all_of(self, run_id: str | None) -> bool:
        """Whether all known forms of a run were answered; False if no form is known."""
        tokens = [token for token, (run, _) in list(self._seen.items()) if run == run_id]
        return bool(tokens) and all(token in self._answered for token in tokens)
