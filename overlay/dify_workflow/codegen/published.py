"""Read a published app from the API, and compare it with an export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import DifyWorkflow
from ..dsl import AppInput, DSLError, ExportedApp, inputs_of_form


def published_app(client: DifyWorkflow) -> ExportedApp:
    """Read the name and inputs of a published app (GET /info and GET /parameters).

    The API does not describe the outputs, so `ends` of the result is None.

    Example::

        app = published_app(workflow)
        print(app.name, [each.name for each in app.inputs])

    Args:
        client: A client with the app's key.

    Returns:
        The app, without nodes and outputs.

    Raises:
        DSLError: It is not a workflow app.
        DifyError: The server refused the request or could not be reached.
    """
    info = client.app_info()
    if info.mode not in {None, "workflow"}:
        raise DSLError(
            f"The app is of the kind {info.mode!r:.50}; only workflow apps can be typed."
        )
    return ExportedApp(str(info.name or "app"), None, published_inputs(client))


def published_inputs(client: DifyWorkflow) -> tuple[AppInput, ...]:
    """Read the inputs of the published version of an app (GET /parameters).

    Example::

        for each in published_inputs(workflow):
            print(each.name, each.kind, each.required)

    Args:
        client: A client with the app's key.

    Returns:
        The inputs in their order.

    Raises:
        DifyError: The server refused the request or could not be reached.
    """
    form = client.parameters().user_input_form
    return inputs_of_form([item.to_dict() for item in form])


def differences(exported: Sequence[AppInput], published: Sequence[AppInput]) -> list[str]:
    """Compare the inputs of an export with those of the published version.

    Example::

        published = published_inputs(workflow)
        assert differences(published, published) == []

    Args:
        exported: Inputs of the export, which is the draft by default.
        published: Inputs of the published version.

    Returns:
        The differences, one text for each.
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
        yield f"is a {ours.kind} in the export, and a {theirs.kind} in the published version"
        return
    if ours.required != theirs.required:
        yield f"is {_need(ours)} in the export, and {_need(theirs)} in the published version"
    if set(ours.options) != set(theirs.options):
        yield (
            f"has the options {', '.join(map(repr, ours.options))} in the export, and "
            f"{', '.join(map(repr, theirs.options))} in the published version"
        )
    if ours.max_length != theirs.max_length:
        yield f"has another limit ({ours.max_length}, published {theirs.max_length})"
    if ours.schema is not None and theirs.schema is not None and ours.type != theirs.type:
        yield "has another schema in the published version"


def _need(each: AppInput) -> str:
    return "required" if each.required else "not required"
