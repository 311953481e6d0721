from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error import Error
from ...models.stop_task_body import StopTaskBody
from ...models.stop_task_result import StopTaskResult
from ...types import Response


def _get_kwargs(
    task_id: str,
    *,
    body: StopTaskBody,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/workflows/tasks/{task_id}/stop".format(
            task_id=quote(str(task_id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | StopTaskResult | None:
    if response.status_code == 200:
        response_200 = StopTaskResult.from_dict(response.json())

        return response_200

    if 400 <= response.status_code <= 499:
        response_4xx = Error.from_dict(response.json())

        return response_4xx

    if 500 <= response.status_code <= 599:
        response_5xx = Error.from_dict(response.json())

        return response_5xx

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Error | StopTaskResult]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    task_id: str,
    *,
    client: AuthenticatedClient,
    body: StopTaskBody,
) -> Response[Error | StopTaskResult]:
    """Stop a run

     Asks the server to stop the run of a task. The answer is always `success`, also for an unknown task,
    for a run that has ended, and for a run id given by mistake. The stream ends within a second, but
    the current node runs to its end. From 1.10.1 to 1.14, the status in run detail and logs stays
    `running` for ever.

    Args:
        task_id (str):
        body (StopTaskBody): The user who stops the run.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | StopTaskResult]
    """

    kwargs = _get_kwargs(
        task_id=task_id,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    task_id: str,
    *,
    client: AuthenticatedClient,
    body: StopTaskBody,
) -> Error | StopTaskResult | None:
    """Stop a run

     Asks the server to stop the run of a task. The answer is always `success`, also for an unknown task,
    for a run that has ended, and for a run id given by mistake. The stream ends within a second, but
    the current node runs to its end. From 1.10.1 to 1.14, the status in run detail and logs stays
    `running` for ever.

    Args:
        task_id (str):
        body (StopTaskBody): The user who stops the run.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | StopTaskResult
    """

    return sync_detailed(
        task_id=task_id,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    task_id: str,
    *,
    client: AuthenticatedClient,
    body: StopTaskBody,
) -> Response[Error | StopTaskResult]:
    """Stop a run

     Asks the server to stop the run of a task. The answer is always `success`, also for an unknown task,
    for a run that has ended, and for a run id given by mistake. The stream ends within a second, but
    the current node runs to its end. From 1.10.1 to 1.14, the status in run detail and logs stays
    `running` for ever.

    Args:
        task_id (str):
        body (StopTaskBody): The user who stops the run.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | StopTaskResult]
    """

    kwargs = _get_kwargs(
        task_id=task_id,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    task_id: str,
    *,
    client: AuthenticatedClient,
    body: StopTaskBody,
) -> Error | StopTaskResult | None:
    """Stop a run

     Asks the server to stop the run of a task. The answer is always `success`, also for an unknown task,
    for a run that has ended, and for a run id given by mistake. The stream ends within a second, but
    the current node runs to its end. From 1.10.1 to 1.14, the status in run detail and logs stays
    `running` for ever.

    Args:
        task_id (str):
        body (StopTaskBody): The user who stops the run.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | StopTaskResult
    """

    return (
        await asyncio_detailed(
            task_id=task_id,
            client=client,
            body=body,
        )
    ).parsed
