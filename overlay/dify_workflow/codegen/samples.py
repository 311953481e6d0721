"""Find types of outputs in past runs, if the export does not have them. Values are never kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from .. import DifyWorkflow, WorkflowLogsRequest
from ..dsl import End, ExportedApp, ListOf, Output, Plain, Type, Unknown, one_of

_NONE = Plain("none")
_PLAIN: dict[type, Type] = {
    str: Plain("str"),
    bool: Plain("bool"),
    int: Plain("number"),
    float: Plain("number"),
    dict: Plain("object"),
    list: ListOf(Unknown("the types of its items are not known")),
    type(None): _NONE,
}
_NOTE = "Type from past runs."


def past_outputs(client: DifyWorkflow, most: int) -> Iterator[Mapping[str, Any]]:
    """Read the outputs of the latest runs that succeeded (GET /workflows/logs, then run detail).

    Example::

        for outputs in past_outputs(workflow, 20):
            print(sorted(outputs))

    Args:
        client: A client with the app's key.
        most: Maximum number of runs.

    Returns:
        The outputs of each run, latest first, each a mapping of value by name.

    Raises:
        DifyError: The server refused the request or could not be reached.
    """
    request = WorkflowLogsRequest(status="succeeded")
    for row in client.iter_logs(request, limit=most):
        if row.workflow_run is not None:  # it was not deleted
            yield client.info(row.workflow_run.id).outputs


def narrowed(app: ExportedApp, samples: Iterable[Mapping[str, Any]]) -> ExportedApp:
    """Add types from past runs to outputs whose type is not in the export.

    Example::

        samples = past_outputs(workflow, 20)
        app = narrowed(read_app("story.yml"), samples)

    Args:
        app: The app.
        samples: Outputs of past runs.

    Returns:
        The app with these types.
    """
    runs = list(samples)
    if app.ends is None:
        return app
    return attrs.evolve(app, ends=tuple(_narrowed(end, runs) for end in app.ends))


def _narrowed(end: End, runs: Sequence[Mapping[str, Any]]) -> End:
    return attrs.evolve(end, outputs=tuple(_output(each, runs) for each in end.outputs))


def _output(output: Output, runs: Sequence[Mapping[str, Any]]) -> Output:
    seen = [_PLAIN[type(run[output.name])] for run in runs if output.name in run]
    if not isinstance(output.type, Unknown) or not set(seen) - {_NONE}:
        return output
    kinds = sorted(set(seen), key=repr)  # the order of runs changes
    plain = [kind for kind in kinds if kind != _NONE] + [_NONE] * (_NONE in kinds)
    return attrs.evolve(output, type=one_of(*plain), note=_NOTE)
