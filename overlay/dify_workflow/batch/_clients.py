"""The clients of a batch: an async one for whichever was given, and what is known of its app."""

from __future__ import annotations

import time
from typing import Any

import attrs

from .._base_client import server_time, setup_of, with_pace
from .._http.options import Options
from .._streams.recovery import Pace
from ..async_client import AsyncDifyWorkflow
from ..client import DifyWorkflow
from ..errors import ConfigurationError, InvalidRequestError, NotFoundError
from ._errors import JournalError
from ._journal import Journal
from ._state import PENDING, About


def async_client_like(workflow: DifyWorkflow) -> AsyncDifyWorkflow:
    """An async client with the options of a client for code that waits.

    Raises:
        ConfigurationError: That one sends with an httpx client of the user's own.
    """
    options, pace, is_given = setup_of(workflow)
    if is_given:
        raise ConfigurationError(
            "run_batch makes connections of its own and cannot use the client's http_client: use "
            "run_batch_async, with an AsyncDifyWorkflow whose http_client is an httpx.AsyncClient."
        )
    return client_with(options, pace)


def client_with(options: Options, pace: Pace) -> AsyncDifyWorkflow:
    """An async client with these options.

    Args:
        options: The options.
        pace: How fast it looks for lost runs.
    """
    given: dict[str, Any] = attrs.asdict(options, recurse=False)
    del given["deadline"]  # of a call, and no option of a client
    return with_pace(AsyncDifyWorkflow(**given), pace)


def time_of(client: AsyncDifyWorkflow) -> float:
    """The time by the clock of the server, or of this machine where that is not known."""
    known = server_time(client)
    return time.time() if known is None else known


async def belongs(journal: Journal, client: AsyncDifyWorkflow) -> About:
    """What the journal belongs to, which is the client's app and user.

    An app's key says which app it is. Where the key is another one, a run of the batch does: each
    app shows its own runs alone.

    Raises:
        JournalError: It belongs to another app or user.
        DifyError: The server does not tell.
    """
    options, _, _ = setup_of(client)
    mine = About(options.base_url, options.key(None).fingerprint(), options.user_id)
    about = journal.about() if journal.count() else None  # without rows it is nobody's yet
    if about is None:
        journal.set_about(mine)
        return mine
    if about.user_id != mine.user_id:
        raise JournalError(
            f"The runs of {journal!r} are for the user {about.user_id!r}, not {mine.user_id!r}: "
            "give the client that user_id, or use a new journal."
        )
    if (about.base_url, about.key_digest) != (mine.base_url, mine.key_digest):
        await _check_app(journal, client)
        about = attrs.evolve(about, base_url=mine.base_url, key_digest=mine.key_digest)
        journal.set_about(about)
    return about


async def _check_app(journal: Journal, client: AsyncDifyWorkflow) -> None:
    """Check that another key or address leads to the same app.

    Raises:
        JournalError: It does not, or nothing shows it.
    """
    run_id = journal.any_run()
    counts, _ = journal.counts()
    if run_id is None and set(counts) <= {PENDING}:
        return  # nothing was sent yet
    try:
        if run_id is not None:
            await client.info(run_id)
            return
    except NotFoundError:
        pass
    except InvalidRequestError as error:
        raise JournalError(f"{journal!r} is damaged: it has a run that none can be.") from error
    raise JournalError(
        f"{journal!r} belongs to another app: this key's app has none of its runs. Use that app's "
        "key, or a new journal."
    )
