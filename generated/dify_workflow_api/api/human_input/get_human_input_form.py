from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error import Error
from ...models.human_input_form_detail import HumanInputFormDetail
from ...types import Response


def _get_kwargs(
    form_token: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/form/human_input/{form_token}".format(
            form_token=quote(str(form_token), safe=""),
        ),
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | HumanInputFormDetail | None:
    if response.status_code == 200:
        response_200 = HumanInputFormDetail.from_dict(response.json())

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
) -> Response[Error | HumanInputFormDetail]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    form_token: str,
    *,
    client: AuthenticatedClient,
) -> Response[Error | HumanInputFormDetail]:
    """Read the form of a waiting run

     The form with its content rendered. An unknown token is 404. Later it is 412
    `human_input_form_submitted` or `human_input_form_expired`.

    Args:
        form_token (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | HumanInputFormDetail]
    """

    kwargs = _get_kwargs(
        form_token=form_token,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    form_token: str,
    *,
    client: AuthenticatedClient,
) -> Error | HumanInputFormDetail | None:
    """Read the form of a waiting run

     The form with its content rendered. An unknown token is 404. Later it is 412
    `human_input_form_submitted` or `human_input_form_expired`.

    Args:
        form_token (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | HumanInputFormDetail
    """

    return sync_detailed(
        form_token=form_token,
        client=client,
    ).parsed


async def asyncio_detailed(
    form_token: str,
    *,
    client: AuthenticatedClient,
) -> Response[Error | HumanInputFormDetail]:
    """Read the form of a waiting run

     The form with its content rendered. An unknown token is 404. Later it is 412
    `human_input_form_submitted` or `human_input_form_expired`.

    Args:
        form_token (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | HumanInputFormDetail]
    """

    kwargs = _get_kwargs(
        form_token=form_token,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    form_token: str,
    *,
    client: AuthenticatedClient,
) -> Error | HumanInputFormDetail | None:
    """Read the form of a waiting run

     The form with its content rendered. An unknown token is 404. Later it is 412
    `human_input_form_submitted` or `human_input_form_expired`.

    Args:
        form_token (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | HumanInputFormDetail
    """

    return (
        await asyncio_detailed(
            form_token=form_token,
            client=client,
        )
    ).parsed
