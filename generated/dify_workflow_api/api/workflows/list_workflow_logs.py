import datetime
from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error import Error
from ...models.log_status_filter import LogStatusFilter
from ...models.workflow_log_page import WorkflowLogPage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    keyword: str | Unset = UNSET,
    status: LogStatusFilter | Unset = UNSET,
    created_at_before: datetime.datetime | Unset = UNSET,
    created_at_after: datetime.datetime | Unset = UNSET,
    created_by_end_user_session_id: str | Unset = UNSET,
    created_by_account: str | Unset = UNSET,
    page: int | Unset = 1,
    limit: int | Unset = 20,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["keyword"] = keyword

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status

    params["status"] = json_status

    json_created_at_before: str | Unset = UNSET
    if not isinstance(created_at_before, Unset):
        json_created_at_before = created_at_before.isoformat()
    params["created_at__before"] = json_created_at_before

    json_created_at_after: str | Unset = UNSET
    if not isinstance(created_at_after, Unset):
        json_created_at_after = created_at_after.isoformat()
    params["created_at__after"] = json_created_at_after

    params["created_by_end_user_session_id"] = created_by_end_user_session_id

    params["created_by_account"] = created_by_account

    params["page"] = page

    params["limit"] = limit

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/workflows/logs",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | WorkflowLogPage | None:
    if response.status_code == 200:
        response_200 = WorkflowLogPage.from_dict(response.json())

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
) -> Response[Error | WorkflowLogPage]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    keyword: str | Unset = UNSET,
    status: LogStatusFilter | Unset = UNSET,
    created_at_before: datetime.datetime | Unset = UNSET,
    created_at_after: datetime.datetime | Unset = UNSET,
    created_by_end_user_session_id: str | Unset = UNSET,
    created_by_account: str | Unset = UNSET,
    page: int | Unset = 1,
    limit: int | Unset = 20,
) -> Response[Error | WorkflowLogPage]:
    """List the runs of the app, newest first

     One page of the app's runs, ordered by `created_at` (whole seconds, rounded), newest first. Rows of
    the same second have no fixed order: it differs between requests, so pages can repeat rows and lose
    others. Runs made in the editor are not listed. Up to 1.10.1, a run is listed only when it has
    ended.

    Args:
        keyword (str | Unset):
        status (LogStatusFilter | Unset): Status for a filter of the logs.
        created_at_before (datetime.datetime | Unset):
        created_at_after (datetime.datetime | Unset):
        created_by_end_user_session_id (str | Unset):
        created_by_account (str | Unset):
        page (int | Unset):  Default: 1.
        limit (int | Unset):  Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | WorkflowLogPage]
    """

    kwargs = _get_kwargs(
        keyword=keyword,
        status=status,
        created_at_before=created_at_before,
        created_at_after=created_at_after,
        created_by_end_user_session_id=created_by_end_user_session_id,
        created_by_account=created_by_account,
        page=page,
        limit=limit,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    keyword: str | Unset = UNSET,
    status: LogStatusFilter | Unset = UNSET,
    created_at_before: datetime.datetime | Unset = UNSET,
    created_at_after: datetime.datetime | Unset = UNSET,
    created_by_end_user_session_id: str | Unset = UNSET,
    created_by_account: str | Unset = UNSET,
    page: int | Unset = 1,
    limit: int | Unset = 20,
) -> Error | WorkflowLogPage | None:
    """List the runs of the app, newest first

     One page of the app's runs, ordered by `created_at` (whole seconds, rounded), newest first. Rows of
    the same second have no fixed order: it differs between requests, so pages can repeat rows and lose
    others. Runs made in the editor are not listed. Up to 1.10.1, a run is listed only when it has
    ended.

    Args:
        keyword (str | Unset):
        status (LogStatusFilter | Unset): Status for a filter of the logs.
        created_at_before (datetime.datetime | Unset):
        created_at_after (datetime.datetime | Unset):
        created_by_end_user_session_id (str | Unset):
        created_by_account (str | Unset):
        page (int | Unset):  Default: 1.
        limit (int | Unset):  Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | WorkflowLogPage
    """

    return sync_detailed(
        client=client,
        keyword=keyword,
        status=status,
        created_at_before=created_at_before,
        created_at_after=created_at_after,
        created_by_end_user_session_id=created_by_end_user_session_id,
        created_by_account=created_by_account,
        page=page,
        limit=limit,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    keyword: str | Unset = UNSET,
    status: LogStatusFilter | Unset = UNSET,
    created_at_before: datetime.datetime | Unset = UNSET,
    created_at_after: datetime.datetime | Unset = UNSET,
    created_by_end_user_session_id: str | Unset = UNSET,
    created_by_account: str | Unset = UNSET,
    page: int | Unset = 1,
    limit: int | Unset = 20,
) -> Response[Error | WorkflowLogPage]:
    """List the runs of the app, newest first

     One page of the app's runs, ordered by `created_at` (whole seconds, rounded), newest first. Rows of
    the same second have no fixed order: it differs between requests, so pages can repeat rows and lose
    others. Runs made in the editor are not listed. Up to 1.10.1, a run is listed only when it has
    ended.

    Args:
        keyword (str | Unset):
        status (LogStatusFilter | Unset): Status for a filter of the logs.
        created_at_before (datetime.datetime | Unset):
        created_at_after (datetime.datetime | Unset):
        created_by_end_user_session_id (str | Unset):
        created_by_account (str | Unset):
        page (int | Unset):  Default: 1.
        limit (int | Unset):  Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | WorkflowLogPage]
    """

    kwargs = _get_kwargs(
        keyword=keyword,
        status=status,
        created_at_before=created_at_before,
        created_at_after=created_at_after,
        created_by_end_user_session_id=created_by_end_user_session_id,
        created_by_account=created_by_account,
        page=page,
        limit=limit,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    keyword: str | Unset = UNSET,
    status: LogStatusFilter | Unset = UNSET,
    created_at_before: datetime.datetime | Unset = UNSET,
    created_at_after: datetime.datetime | Unset = UNSET,
    created_by_end_user_session_id: str | Unset = UNSET,
    created_by_account: str | Unset = UNSET,
    page: int | Unset = 1,
    limit: int | Unset = 20,
) -> Error | WorkflowLogPage | None:
    """List the runs of the app, newest first

     One page of the app's runs, ordered by `created_at` (whole seconds, rounded), newest first. Rows of
    the same second have no fixed order: it differs between requests, so pages can repeat rows and lose
    others. Runs made in the editor are not listed. Up to 1.10.1, a run is listed only when it has
    ended.

    Args:
        keyword (str | Unset):
        status (LogStatusFilter | Unset): Status for a filter of the logs.
        created_at_before (datetime.datetime | Unset):
        created_at_after (datetime.datetime | Unset):
        created_by_end_user_session_id (str | Unset):
        created_by_account (str | Unset):
        page (int | Unset):  Default: 1.
        limit (int | Unset):  Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | WorkflowLogPage
    """

    return (
        await asyncio_detailed(
            client=client,
            keyword=keyword,
            status=status,
            created_at_before=created_at_before,
            created_at_after=created_at_after,
            created_by_end_user_session_id=created_by_end_user_session_id,
            created_by_account=created_by_account,
            page=page,
            limit=limit,
        )
    ).parsed
