"""Forms that wait for a person: what they show, and whether an answer is valid."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

import attrs

from .._json import JSON, JSONObject
from .requests import ApiError
from .workflows import FormAnswer, FormInput, HumanInput

if TYPE_CHECKING:
    from .store import RunRecord, Store

_PLACE = re.compile(r"\{\{#([^#]+)#\}\}")
"""A placeholder in the content."""

_TOKEN_BYTES = 16
"""22 characters that are safe in a URL."""

_EXPIRED = "expired"
_SUBMITTED = "submitted"


@attrs.frozen
class Form:
    """A form, with the names of the server's answers; times are Unix seconds."""

    id: str
    token: str
    run_id: str
    node_id: str
    node_title: str
    content: str
    """The text for the person, with placeholders for the fields."""
    template: str
    """The same text without values."""
    inputs: list[JSONObject]
    actions: list[JSONObject]
    defaults: JSONObject
    """Value by field, for fields whose default comes from another node."""
    expires: float
    gives_up: float
    """When the server stops its run."""

    def to_wire(self) -> JSONObject:
        """Return what events and the reasons of a pause contain."""
        return {
            "form_id": self.id,
            "node_id": self.node_id,
            "node_title": self.node_title,
            "form_content": self.content,
            "inputs": self.inputs,
            "actions": self.actions,
            "form_token": self.token,
            "resolved_default_values": self.defaults,
            "expiration_time": int(self.expires),
        }

    def to_page(self) -> JSONObject:
        """Return the answer to GET /form/human_input/{form_token}."""
        names = ("form_content", "inputs", "resolved_default_values", "expiration_time")
        wire = self.to_wire()
        return {**{name: wire[name] for name in names}, "user_actions": self.actions}

    def rendered(self, answer: FormAnswer) -> str:
        """Return the text that the person read, with their answers."""
        return _filled(self.content, {f"$output.{key}": str(v) for key, v in answer.inputs.items()})

    def action_title(self, action: str) -> str:
        """Return the text of a button."""
        return next((str(each["title"]) for each in self.actions if each["id"] == action), action)

    def outputs(self, answer: FormAnswer) -> JSONObject:
        """Return the node's outputs."""
        return {
            **answer.inputs,
            "__action_id": answer.action,
            "__rendered_content": self.rendered(answer),
            "__action_value": self.action_title(answer.action),
        }

    def check(self, answer: FormAnswer) -> FormAnswer:
        """Return the answer, with only the fields of the form.

        Raises:
            ApiError: The action is unknown, or a field is missing.
        """
        if all(action["id"] != answer.action for action in self.actions):
            raise ApiError(400, "invalid_form_data", f"Invalid action: {answer.action}")
        names = [str(field["output_variable_name"]) for field in self.inputs]
        missing = [name for name in names if name not in answer.inputs]
        if missing:
            text = f"Missing required inputs: {', '.join(missing)}"
            raise ApiError(400, "invalid_form_data", text)
        return FormAnswer(answer.action, {name: answer.inputs[name] for name in names})


class Forms:
    """The forms of all runs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, step: HumanInput, run: RunRecord, form_id: str) -> Form:
        """Make and store the form of a node that begins to wait."""
        now = self._store.now()
        form = Form(
            id=form_id,
            token=secrets.token_urlsafe(_TOKEN_BYTES),
            run_id=run.id,
            node_id=step.id,
            node_title=step.title or step.id,
            content=_filled(step.content, step.values),
            template=step.content,
            inputs=[_input_to_wire(field) for field in step.inputs],
            actions=[
                {"id": action.id, "title": action.title, "button_style": action.style}
                for action in step.actions
            ],
            defaults={
                field.name: _filled(field.default, step.values)
                for field in step.inputs
                if _PLACE.fullmatch(field.default)
            },
            expires=now + step.timeout,
            gives_up=now + step.run_timeout,
        )
        self._store.put(
            "forms",
            token=form.token,
            id=form.id,
            run_id=form.run_id,
            app=run.app,
            data=json.dumps(attrs.asdict(form)),
            expires=form.expires,
        )
        return form

    def waiting(self, run_id: str) -> list[Form]:
        """Return the unanswered forms of a run."""
        rows = self._store.all(
            "SELECT data FROM forms WHERE run_id = ? AND settled IS NULL", [run_id]
        )
        return [_form_of(row) for row in rows]

    def of_pause(self, run_id: str) -> list[Form]:
        """Return the forms that pause a run, with answered ones that no worker has read."""
        rows = self._store.all("SELECT data FROM forms WHERE run_id = ? AND NOT taken", [run_id])
        return [_form_of(row) for row in rows]

    def open(self, app: str, token: str, path: str) -> Form:
        """Return a form that can be answered.

        Args:
            app: Key of the app in the request.
            token: Token of the form.
            path: Path of the request, which the server quotes if there is no form.

        Raises:
            ApiError: The form is unknown, answered or expired.
        """
        row = self._store.one("SELECT * FROM forms WHERE token = ? AND app = ?", (token, app))
        if row is None:
            # flask-restx suggests similar paths.
            routes = [f"{root}/form/human_input/" for root in ("/v1", "/api", "/console/api")]
            guesses = [f"{each}<string:form_token>" for each in get_close_matches(path, routes)]
            meant = f" but did you mean {' or '.join(guesses)} ?" if guesses else ""
            text = f"Form not found. You have requested this URI [{path}]{meant}"
            raise ApiError(404, "not_found", text)
        form = _form_of(row)
        if row["settled"] == _EXPIRED or (
            row["settled"] is None and form.expires <= self._store.now()
        ):
            text = f"This form has expired, form_id={form.id}"
            raise ApiError(412, "human_input_form_expired", text)
        if row["settled"] is not None:
            text = f"This form has already been submitted by another user, form_id={form.id}"
            raise ApiError(412, "human_input_form_submitted", text)
        return form

    def settle(self, form: Form, answer: FormAnswer) -> None:
        """Record that a form was answered, or that it expired."""
        settled = _EXPIRED if answer.timed_out else _SUBMITTED
        self._store.all("UPDATE forms SET settled = ? WHERE token = ?", (settled, form.token))

    def take(self, form: Form) -> None:
        """Record that a worker has read the answer to a form."""
        self._store.all("UPDATE forms SET taken = 1 WHERE token = ?", [form.token])


def _form_of(row: sqlite3.Row) -> Form:
    return Form(**json.loads(row["data"]))


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Fill the known values into a text."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)


def _input_to_wire(field: FormInput) -> JSONObject:
    place = _PLACE.fullmatch(field.default)
    default: JSON = {
        "type": "variable" if place else "constant",
        "selector": place[1].split(".") if place else [],
        "value": "" if place else field.default,
    }
    wire: JSONObject = {"output_variable_name": field.name, "type": field.type, "default": default}
    if field.options:
        source = {"type": "constant", "selector": [], "value": list(field.options)}
        wire["option_source"] = source
    return wire
