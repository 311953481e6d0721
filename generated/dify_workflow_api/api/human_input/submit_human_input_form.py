from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error import Error
from ...models.submit_human_input_form_body import SubmitHumanInputFormBody
from ...models.submit_human_input_form_result import SubmitHumanInputFormResult
from ...types import Response


def _get_kwargs(
    form_token: str,
    *,
    body: SubmitHumanInputFormBody,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/form/human_input/{form_token}".format(
            form_token=quote(str(form_token), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | SubmitHumanInputFormResult | None:
    if response.status_code == 200:
        response_200 = SubmitHumanInputFormResult.from_dict(response.json())

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
) -> Response[Error | SubmitHumanInputFormResult]:
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
    body: SubmitHumanInputFormBody,
) -> Response[Error | SubmitHumanInputFormResult]:
    """Submit a form, and continue the run

     Submits the form once. Any user of the app may do so. An unknown action or missing field is 400
    `invalid_form_data`. A second submission is 412 `human_input_form_submitted`.

    Args:
        form_token (str):
        body (SubmitHumanInputFormBody): The answer to a form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | SubmitHumanInputFormResult]
    """

    kwargs = _get_kwargs(
        form_token=form_token,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    form_token: str,
    *,
    client: AuthenticatedClient,
    body: SubmitHumanInputFormBody,
) -> Error | SubmitHumanInputFormResult | None:
    """Submit a form, and continue the run

     Submits the form once. Any user of the app may do so. An unknown action or missing field is 400
    `invalid_form_data`. A second submission is 412 `human_input_form_submitted`.

    Args:
        form_token (str):
        body (SubmitHumanInputFormBody): The answer to a form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | SubmitHumanInputFormResult
    """

    return sync_detailed(
        form_token=form_token,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    form_token: str,
    *,
    client: AuthenticatedClient,
    body: SubmitHumanInputFormBody,
) -> Response[Error | SubmitHumanInputFormResult]:
    """Submit a form, and continue the run

     Submits the form once. Any user of the app may do so. An unknown action or missing field is 400
    `invalid_form_data`. A second submission is 412 `human_input_form_submitted`.

    Args:
        form_token (str):
        body (SubmitHumanInputFormBody): The answer to a form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | SubmitHumanInputFormResult]
    """

    kwargs = _get_kwargs(
        form_token=form_token,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    form_token: str,
    *,
    client: AuthenticatedClient,
    body: SubmitHumanInputFormBody,
) -> Error | SubmitHumanInputFormResult | None:
    """Submit a form, and continue the run

     Submits the form once. Any user of the app may do so. An unknown action or missing field is 400
    `invalid_form_data`. A second submission is 412 `human_input_form_submitted`.

    Args:
        form_token (str):
        body (SubmitHumanInputFormBody): The answer to a form.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | SubmitHumanInputFormResult
    """

    return (
        await asyncio_detailed(
            form_token=form_token,
            client=client,
            body=body,
        )
    ).parsed
