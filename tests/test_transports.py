"""The table of docs/transports.md is true: the results of failures over each transport."""

from __future__ import annotations

import pytest

from scripts.transports_page import (
    FAILURES,
    PAGE,
    TRANSPORTS,
    Failure,
    Transport,
    cell,
    columns,
    table,
)

pytestmark = pytest.mark.slow

OURS = [each for each in TRANSPORTS if each.is_ours]
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
@pytest.mark.parametrize("transport", OURS, ids=lambda transport: transport.name)
def test_the_table_shows_what_happens(transport: Transport, failure: Failure) -> None:
    shown = columns(TEXT)[transport.name].cells[FAILURES.index(failure)]
    assert cell(transport, failure) == shown
    assert "**" not in shown, "a run was sent twice, or lost"


def test_the_table_has_every_transport_and_failure() -> None:
    shown = columns(TEXT)
    assert set(shown) == {each.name for each in TRANSPORTS}
    assert table(shown) in TEXT
