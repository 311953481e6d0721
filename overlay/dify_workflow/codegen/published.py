"""What the API says of a published app, and where an export says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import DifyWorkflow
from ..dsl import AppInput, DSLError, ExportedApp, inputs_of_form


def published_app(client: DifyWorkflow) -> ExportedApp:
    """The app of a key: its name and inputs; what it gives, the API does not say.

    Two calls, GET /info and GET /parameters.

    Args:
        client: A client with the app's key.

    Raises:
        DSLError: It is no workflow app.
        DifyError: The server refused, or cannot be reached.
    """
    info = client.app_info()
    if info.mode not in {None, "workflow"}:
        raise DSLError(
            f"The app is of the kind {info.mode!r:.50}; only workflow apps can be typed."
        )
    return ExportedApp(str(info.name or "app"), None, published_inputs(client))


def published_inputs(client: DifyWorkflow) -> tuple[AppInput, ...]:
    """The inputs of the published version of an app (GET /parameters).

    Args:
        client: A client with the app's key.

    Raises:
        DifyError: The server refused, or cannot be reached.
    """
    form = client.parameters().user_input_form
    return inputs_of_form([item.to_dict() for item in form])


def differences(exported: Sequence[AppInput], published: Sequence[AppInput]) -> list[str]:
    """What runs of the published version take that an export does not say, or the other way round.

    Args:
        exported: Inputs of the export, by default the draft's.
        published: Inputs of the published version.
    """
    ours = {each.name: each for each in exported}
    theirs = {each.name: each for each in published}
    return [
        *(f"the input {name!r} is not published" for name in ours if name not in theirs),
        *(f"the input {name!r} is not in the export" for name in theirs if name not in ours),
        *(
            f"the input {name!r} {what}"
            for name in ours
            if name in theirs
            for what in _between(ours[name], theirs[name])
        ),
    ]


def _between(ours: AppInput, theirs: AppInput) -> Iterator[str]:
    if ours.kind != theirs.kind:
        yield f"is a {ours.kind} in the export, and a {theirs.kind} where it is published"
        return
    if ours.required != theirs.required:
        yield f"is {_need(ours)} in the export, and {_need(theirs)} where it is published"
    if set(ours.options) != set(theirs.options):
        yield (
            f"has the options {', '.join(map(repr, ours.options))} in the export, and "
            f"{', '.join(map(repr, theirs.options))} where it is published"
        )
    if ours.max_length != theirs.max_length:
        yield f"has another limit ({ours.max_length}, published {theirs.max_length})"
    if ours.schema is not None and theirs.schema is not None and ours.type != theirs.type:
        yield "has another schema where it is published"


def _need(each: AppInput) -> str:
    return "required" if each.required else "not required"
