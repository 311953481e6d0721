from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error import Error
from ...types import UNSET, Response, Unset


def _get_kwargs(
    workflow_run_id: str,
    *,
    user: str,
    include_state_snapshot: bool | Unset = False,
    continue_on_pause: bool | Unset = False,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["user"] = user

    params["include_state_snapshot"] = include_state_snapshot

    params["continue_on_pause"] = continue_on_pause

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/workflow/{workflow_run_id}/events".format(
            workflow_run_id=quote(str(workflow_run_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | str | None:
    if response.status_code == 200:
        response_200 = response.text
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
) -> Response[Error | str]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    workflow_run_id: str,
    *,
    client: AuthenticatedClient,
    user: str,
    include_state_snapshot: bool | Unset = False,
    continue_on_pause: bool | Unset = False,
) -> Response[Error | str]:
    """Follow a run from now on

     The event stream of a run that is active or paused. For a run that has ended, it is one
    `workflow_finished`, whose task id is the run id. Without a snapshot, events from before the call
    are not sent. Runs in blocking mode publish no events.

    Args:
        workflow_run_id (str):
        user (str):
        include_state_snapshot (bool | Unset):  Default: False.
        continue_on_pause (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | str]
    """

    kwargs = _get_kwargs(
        workflow_run_id=workflow_run_id,
        user=user,
        include_state_snapshot=include_state_snapshot,
        continue_on_pause=continue_on_pause,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    workflow_run_id: str,
    *,
    client: AuthenticatedClient,
    user: str,
    include_state_snapshot: bool | Unset = False,
    continue_on_pause: bool | Unset = False,
) -> Error | str | None:
    """Follow a run from now on

     The event stream of a run that is active or paused. For a run that has ended, it is one
    `workflow_finished`, whose task id is the run id. Without a snapshot, events from before the call
    are not sent. Runs in blocking mode publish no events.

    Args:
        workflow_run_id (str):
        user (str):
        include_state_snapshot (bool | Unset):  Default: False.
        continue_on_pause (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | str
    """

    return sync_detailed(
        workflow_run_id=workflow_run_id,
        client=client,
        user=user,
        include_state_snapshot=include_state_snapshot,
        continue_on_pause=continue_on_pause,
    ).parsed


async def asyncio_detailed(
    workflow_run_id: str,
    *,
    client: AuthenticatedClient,
    user: str,
    include_state_snapshot: bool | Unset = False,
    continue_on_pause: bool | Unset = False,
) -> Response[Error | str]:
    """Follow a run from now on

     The event stream of a run that is active or paused. For a run that has ended, it is one
    `workflow_finished`, whose task id is the run id. Without a snapshot, events from before the call
    are not sent. Runs in blocking mode publish no events.

    Args:
        workflow_run_id (str):
        user (str):
        include_state_snapshot (bool | Unset):  Default: False.
        continue_on_pause (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | str]
    """

    kwargs = _get_kwargs(
        workflow_run_id=workflow_run_id,
        user=user,
        include_state_snapshot=include_state_snapshot,
        continue_on_pause=continue_on_pause,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    workflow_run_id: str,
    *,
    client: AuthenticatedClient,
    user: str,
    include_state_snapshot: bool | Unset = False,
    continue_on_pause: bool | Unset = False,
) -> Error | str | None:
    """Follow a run from now on

     The event stream of a run that is active or paused. For a run that has ended, it is one
    `workflow_finished`, whose task id is the run id. Without a snapshot, events from before the call
    are not sent. Runs in blocking mode publish no events.

    Args:
        workflow_run_id (str):
        user (str):
        include_state_snapshot (bool | Unset):  Default: False.
        continue_on_pause (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | str
    """

    return (
        await asyncio_detailed(
            workflow_run_id=workflow_run_id,
            client=client,
            user=user,
            include_state_snapshot=include_state_snapshot,
            continue_on_pause=continue_on_pause,
        )
    ).parsed
