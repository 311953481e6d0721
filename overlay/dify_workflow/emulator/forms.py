"""Forms that wait for a person: what they show, and whether an answer fits."""

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
"""A place in the content where a value goes."""

_TOKEN_BYTES = 16
"""22 letters that can stand in a URL."""

_EXPIRED = "expired"
_SUBMITTED = "submitted"


@attrs.frozen
class Form:
    """A form, in the words of the server's answers; times are Unix seconds."""

    id: str
    token: str
    run_id: str
    node_id: str
    node_title: str
    content: str
    """What the person reads; the fields' places still stand in it."""
    template: str
    """The same without values."""
    inputs: list[JSONObject]
    actions: list[JSONObject]
    defaults: JSONObject
    """Value by field, for fields whose default is another node's."""
    expires: float
    gives_up: float
    """When the server gives its run up."""

    def to_wire(self) -> JSONObject:
        """What events and the reasons of a pause say of it."""
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
        """The answer to GET /form/human_input/{form_token}."""
        names = ("form_content", "inputs", "resolved_default_values", "expiration_time")
        wire = self.to_wire()
        return {**{name: wire[name] for name in names}, "user_actions": self.actions}

    def rendered(self, answer: FormAnswer) -> str:
        """What the person read, with their answers in it."""
        return _filled(self.content, {f"$output.{key}": str(v) for key, v in answer.inputs.items()})

    def action_title(self, action: str) -> str:
        """What stands on a button."""
        return next((str(each["title"]) for each in self.actions if each["id"] == action), action)

    def outputs(self, answer: FormAnswer) -> JSONObject:
        """What the node gives to the workflow."""
        return {
            **answer.inputs,
            "__action_id": answer.action,
            "__rendered_content": self.rendered(answer),
            "__action_value": self.action_title(answer.action),
        }

    def check(self, answer: FormAnswer) -> FormAnswer:
        """The answer with the fields that the form has.

        Raises:
            ApiError: It names another action, or a field is missing.
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
        """Make the form of a node that waits from now on, and keep it."""
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
        """The forms of a run that nobody has answered."""
        rows = self._store.all(
            "SELECT data FROM forms WHERE run_id = ? AND settled IS NULL", [run_id]
        )
        return [_form_of(row) for row in rows]

    def of_pause(self, run_id: str) -> list[Form]:
        """The forms for which a run is paused: also those whose answer no worker has taken yet."""
        rows = self._store.all("SELECT data FROM forms WHERE run_id = ? AND NOT taken", [run_id])
        return [_form_of(row) for row in rows]

    def open(self, app: str, token: str, path: str) -> Form:
        """A form that can be answered.

        Args:
            app: Key of the app that asks.
            token: Token of the form.
            path: Path of the request, which the server repeats where there is no form.

        Raises:
            ApiError: There is none, somebody has answered it, or it has expired.
        """
        row = self._store.one("SELECT * FROM forms WHERE token = ? AND app = ?", (token, app))
        if row is None:
            # flask-restx guesses what was meant.
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
        """Remember that a form was answered, or that nobody did in time."""
        settled = _EXPIRED if answer.timed_out else _SUBMITTED
        self._store.all("UPDATE forms SET settled = ? WHERE token = ?", (settled, form.token))

    def take(self, form: Form) -> None:
        """Remember that a worker has taken the answer to a form."""
        self._store.all("UPDATE forms SET taken = 1 WHERE token = ?", [form.token])


def _form_of(row: sqlite3.Row) -> Form:
    return Form(**json.loads(row["data"]))


def _filled(text: str, values: Mapping[str, str]) -> str:
    """A text with the values that there are in their places."""
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
