"""Every recorded request is answered by the emulator of its version as it was by the server.

The same is asked of a real server where the environment names one: ``make conformance``.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from support.bench import Bench, real_bench
from support.conformance import DOCUMENT, EXCEPTIONS, check, document, nearest_recordings
from support.likeness import Answer, differences
from support.normal import Terms
from support.recordings import Recording, all_recordings, by_version, recording

REAL = real_bench(os.environ)
if REAL is not None:  # it is asked for its version before any test runs
    atexit.register(REAL.__exit__, None, None, None)


def in_groups(recordings: Iterable[Recording]) -> list[Any]:
    """Recordings as parameters; those of the app that may have one run come one after another."""
    limited = pytest.mark.xdist_group("limited")
    return [pytest.param(each, marks=[limited] * (each.app == "limited")) for each in recordings]


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
@pytest.mark.parametrize("played", in_groups(nearest_recordings(REAL)) if REAL else [None], ids=str)
def test_a_real_server_answers_as_recorded(played: Recording) -> None:
    assert REAL is not None
    if played.id in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[played.id])
    assert not check(REAL, played)


# ----------------------------------------------------------------------- of the suite itself


@pytest.fixture
def own(bench_of: Callable[[str], Bench]) -> Iterator[Bench]:
    """The emulator, spoken to as a real server."""
    bench = bench_of("1.14.2")
    keys = {f"DIFY_KEY_{app.name.upper()}": app.key for app in bench.emulator.workflows}
    found = real_bench({"DIFY_BASE_URL": bench.emulator.base_url, **keys})
    assert found is not None
    with found:
        yield found
    bench.tidy_up()  # a server that it takes for a real one keeps the runs


@pytest.mark.parametrize(
    "name", ["run_streaming_echo", "stop1_detail_after", "hi1_events_live_plain", "err_no_auth"]
)
def test_a_server_of_ones_own_can_be_asked_too(name: str, own: Bench) -> None:
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


@pytest.mark.parametrize("name", ["stop1_stream", "stop1_detail_after"])
def test_who_sees_a_stop_first_does_not_count_on_a_real_server(
    name: str, own: Bench, bench_of: Callable[[str], Bench]
) -> None:
    bench = bench_of("1.14.2")
    bench.emulator.faults.race_stop("engine", times=None)
    bench.hold({"secs": 1})
    assert not check(own, recording(f"1.14.2/{name}"))
    assert check(bench, recording(f"1.14.2/{name}")), "on the emulator it does"


def test_a_slot_that_is_still_taken_is_waited_for(
    own: Bench, bench_of: Callable[[str], Bench]
) -> None:
    bench_of("1.14.2").hold({"secs": 3}, 0.5)
    for name in ("rate_blocking_second", "rate_blocking_first"):
        assert not check(own, recording(f"1.14.2/{name}"))


def test_how_many_pieces_a_text_has_does_not_count_on_a_real_server() -> None:
    played = recording("1.14.2/llm_stream_plain")
    headers = {name.lower(): value for name, value in played.headers}
    texts = [piece for piece in played.chunks if b"text_chunk" in piece]
    fewer = [piece for piece in played.chunks if piece != texts[-1]]
    answers = Answer(200, headers, played.chunks), Answer(200, headers, fewer)
    assert differences(*answers, Terms("llm"))
    assert not differences(*answers, Terms("llm", values=False))
    none = [piece for piece in played.chunks if piece not in texts]
    assert differences(answers[0], Answer(200, headers, none), Terms("llm", values=False))
