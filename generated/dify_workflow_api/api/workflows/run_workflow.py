from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.blocking_run import BlockingRun
from ...models.error import Error
from ...models.run_workflow_body import RunWorkflowBody
from ...types import Response


def _get_kwargs(
    *,
    body: RunWorkflowBody,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/workflows/run",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> BlockingRun | Error | None:
    if response.status_code == 200:
        response_200 = BlockingRun.from_dict(response.json())

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
) -> Response[BlockingRun | Error]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: RunWorkflowBody,
) -> Response[BlockingRun | Error]:
    """Run the published workflow

     Runs the app's published workflow. A failed run is a 200 whose `status` is `failed`. There is no
    idempotency key in any version. The same request sent twice is two runs. A client that disconnects
    does not stop the run. Servers 1.13 and 1.14 answer bad inputs in streaming mode with 200, one ping
    and 300 s of silence.

    Args:
        body (RunWorkflowBody): The request for a run.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BlockingRun | Error]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: RunWorkflowBody,
) -> BlockingRun | Error | None:
    """Run the published workflow

     Runs the app's published workflow. A failed run is a 200 whose `status` is `failed`. There is no
    idempotency key in any version. The same request sent twice is two runs. A client that disconnects
    does not stop the run. Servers 1.13 and 1.14 answer bad inputs in streaming mode with 200, one ping
    and 300 s of silence.

    Args:
        body (RunWorkflowBody): The request for a run.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BlockingRun | Error
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: RunWorkflowBody,
) -> Response[BlockingRun | Error]:
    """Run the published workflow

     Runs the app's published workflow. A failed run is a 200 whose `status` is `failed`. There is no
    idempotency key in any version. The same request sent twice is two runs. A client that disconnects
    does not stop the run. Servers 1.13 and 1.14 answer bad inputs in streaming mode with 200, one ping
    and 300 s of silence.

    Args:
        body (RunWorkflowBody): The request for a run.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BlockingRun | Error]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: RunWorkflowBody,
) -> BlockingRun | Error | None:
    """Run the published workflow

     Runs the app's published workflow. A failed run is a 200 whose `status` is `failed`. There is no
    idempotency key in any version. The same request sent twice is two runs. A client that disconnects
    does not stop the run. Servers 1.13 and 1.14 answer bad inputs in streaming mode with 200, one ping
    and 300 s of silence.

    Args:
        body (RunWorkflowBody): The request for a run.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BlockingRun | Error
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
