"""Every recorded request is answered by the emulator of its version as it was by the server.

The same is asked of a real server where the environment names one: ``make conformance``.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable

import pytest

from support.bench import Bench, real_bench
from support.conformance import DOCUMENT, EXCEPTIONS, check, document, nearest_recordings
from support.recordings import Recording, all_recordings, by_version, recording

REAL = real_bench(os.environ)
if REAL is not None:  # it is asked for its version before any test runs
    atexit.register(REAL.__exit__, None, None, None)


@pytest.mark.parametrize("played", by_version(all_recordings()), ids=str)
def test_the_emulator_answers_as_recorded_or_is_excepted(
    played: Recording, bench_of: Callable[[str], Bench]
) -> None:
    found = check(bench_of(played.version), played)
    if played.id in EXCEPTIONS:
        assert found, f"it conforms now: take it out of EXCEPTIONS ({EXCEPTIONS[played.id]})"
    else:
        assert not found


def test_exceptions_are_of_recordings_that_are_there() -> None:
    assert EXCEPTIONS.keys() <= {played.id for played in all_recordings()}


def test_the_page_for_people_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document()


@pytest.mark.skipif(REAL is None, reason="needs DIFY_BASE_URL and DIFY_KEY_<APP>: make conformance")
@pytest.mark.parametrize("played", nearest_recordings(REAL) if REAL else [None], ids=str)
def test_a_real_server_answers_as_recorded(played: Recording) -> None:
    assert REAL is not None
    if played.id in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[played.id])
    assert not check(REAL, played)


# ----------------------------------------------------------------------- of the suite itself


@pytest.mark.parametrize(
    "name", ["run_streaming_echo", "stop1_detail_after", "hi1_events_live_plain", "err_no_auth"]
)
def test_a_server_of_ones_own_can_be_asked_too(name: str, bench_of: Callable[[str], Bench]) -> None:
    bench = bench_of("1.14.2")
    keys = {f"DIFY_KEY_{app.name.upper()}": app.key for app in bench.emulator.workflows}
    own = real_bench({"DIFY_BASE_URL": bench.emulator.base_url, **keys})
    assert own is not None
    with own:
        assert recording(f"1.14.2/{name}") in nearest_recordings(own)
        assert not check(own, recording(f"1.14.2/{name}"))


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("run_streaming_echo", "1.13"),  # start nodes show the sys.* inputs
        ("run_blocking_echo", "1.9"),  # no charset
        ("err_missing_inputs", "1.7"),  # another error
        ("hi1_events_live_plain", "1.16"),  # no human_input_form_filled
        ("stop1_detail_after", "1.16"),  # stopped, not running
    ],
)
def test_a_server_of_another_version_does_not_conform(
    name: str, version: str, bench_of: Callable[[str], Bench]
) -> None:
    assert check(bench_of(f"{version}.0"), recording(f"1.14.2/{name}"))
