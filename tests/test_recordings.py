"""Every recording, played to the client over a real socket, comes out as the table says."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from support.outcomes import expected, outcome
from support.recordings import Recording, all_recordings, by_version
from support.replay import Pieces, ReplayServer
from support.worlds import World

EXPECTED = expected()
ONE_CALL = {"check_inputs": False, "max_retries": 0, "queue_timeout": 0, "recover": False}


def test_the_table_has_a_row_for_each_recording_and_no_other() -> None:
    assert set(EXPECTED) == {played.id for played in all_recordings()}


def found(client: Any, played: Recording, server: ReplayServer, pieces: Pieces) -> tuple[str, str]:
    """What becomes of a recording, as a row of the table."""
    call, text = outcome(client.with_options(base_url=server.url(played.id, pieces)), played)
    return call, text.replace("|", "\\|")


@pytest.mark.parametrize("played", by_version(all_recordings()), ids=str)
def test_outcome_is_the_one_in_the_table(
    played: Recording, both: World, server: ReplayServer
) -> None:
    client = both.client(**ONE_CALL)
    assert found(client, played, server, "own") == EXPECTED[played.id]


@pytest.mark.slow
@pytest.mark.parametrize("pieces", [each for each in get_args(Pieces) if each != "own"])
@pytest.mark.parametrize("version", sorted({played.version for played in all_recordings()}))
def test_outcome_is_the_same_however_the_body_is_cut(
    version: str, pieces: Pieces, both: World, server: ReplayServer
) -> None:
    client = both.client(**ONE_CALL)
    recorded = [played for played in all_recordings() if played.version == version]
    rows = {played.id: found(client, played, server, pieces) for played in recorded}
    assert rows == {played.id: EXPECTED[played.id] for played in recorded}
