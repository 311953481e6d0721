"""Which parameters of a test that takes long `make test` leaves to `make test-all`."""

from __future__ import annotations

import pytest


def first_of(name: str, first: str, *others: str, indirect: bool = False) -> pytest.MarkDecorator:
    """Run a test with the first value in `make test`, and with the others in the slow tier."""
    slow = [pytest.param(each, marks=pytest.mark.slow) for each in others]
    return pytest.mark.parametrize(name, [first, *slow], indirect=indirect)


MOSTLY_ASYNC = first_of("both", "async", "sync", indirect=True)
"""The sync client, which is made from the async one, comes in the slow tier."""
