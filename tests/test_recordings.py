"""Every recording, played to the client over a real socket, comes out as the table says."""

from __future__ import annotations

from typing import get_args

import pytest

from support.outcomes import expected, outcome
from support.recordings import Recording, all_recordings
from support.replay import Pieces, ReplayServer
from support.worlds import World

EXPECTED = expected()


def test_the_table_has_a_row_for_each_recording_and_no_other() -> None:
    assert set(EXPECTED) == {played.id for played in all_recordings()}


@pytest.mark.parametrize("played", all_recordings(), ids=str)
def test_outcome_is_the_one_in_the_table_however_the_body_is_cut(
    played: Recording, both: World, server: ReplayServer
) -> None:
    client = both.client(check_inputs=False, max_retries=0, queue_timeout=0, recover=False)
    for pieces in get_args(Pieces):
        at = client.with_options(base_url=server.url(played.id, pieces))
        call, text = outcome(at, played)
        assert (call, text.replace("|", "\\|")) == EXPECTED[played.id], pieces
