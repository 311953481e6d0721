from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error import Error
from ...models.stored_file import StoredFile
from ...models.upload_file_body import UploadFileBody
from ...types import Response


def _get_kwargs(
    *,
    body: UploadFileBody,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/files/upload",
    }

    _kwargs["files"] = body.to_multipart()

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | StoredFile | None:
    if response.status_code == 201:
        response_201 = StoredFile.from_dict(response.json())

        return response_201

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
) -> Response[Error | StoredFile]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: UploadFileBody,
) -> Response[Error | StoredFile]:
    r"""Upload a file for a run's inputs

     Stores a file for runs of the same `user`. Errors are 415 for a part without a Content-Type, 400
    `no_file_uploaded` without a part, and 400 for a name with `/` or `\`. A file that is larger than
    the server allows is 413 `file_too_large` with an empty message.

    Args:
        body (UploadFileBody): A file to store.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | StoredFile]
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
    body: UploadFileBody,
) -> Error | StoredFile | None:
    r"""Upload a file for a run's inputs

     Stores a file for runs of the same `user`. Errors are 415 for a part without a Content-Type, 400
    `no_file_uploaded` without a part, and 400 for a name with `/` or `\`. A file that is larger than
    the server allows is 413 `file_too_large` with an empty message.

    Args:
        body (UploadFileBody): A file to store.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | StoredFile
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: UploadFileBody,
) -> Response[Error | StoredFile]:
    r"""Upload a file for a run's inputs

     Stores a file for runs of the same `user`. Errors are 415 for a part without a Content-Type, 400
    `no_file_uploaded` without a part, and 400 for a name with `/` or `\`. A file that is larger than
    the server allows is 413 `file_too_large` with an empty message.

    Args:
        body (UploadFileBody): A file to store.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | StoredFile]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: UploadFileBody,
) -> Error | StoredFile | None:
    r"""Upload a file for a run's inputs

     Stores a file for runs of the same `user`. Errors are 415 for a part without a Content-Type, 400
    `no_file_uploaded` without a part, and 400 for a name with `/` or `\`. A file that is larger than
    the server allows is 413 `file_too_large` with an empty message.

    Args:
        body (UploadFileBody): A file to store.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | StoredFile
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
