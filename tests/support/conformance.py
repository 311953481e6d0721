"""Sends each recorded request to the emulator, and compares the answers with the recordings.

``python -m support.conformance`` (in tests/) writes docs/emulator-conformance.md again.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from support import scenes, seeds
from support.bench import Bench, Call, Live
from support.likeness import PING, Answer, differences
from support.links import ROLES, of_version
from support.normal import Terms
from support.recordings import Recording, all_recordings
from support.scenes import (
    ANSWER,
    ANSWER_TO_STOPPED,
    OTHER_APP,
    OTHER_USER,
    OWN_STOP,
    RUN_ID,
    Preparation,
    Scene,
)

_STOPPED_OTHERWISE = (
    "a stream that 1.9.2 stops says by chance either stopped or failed; the emulator says failed"
)

PREPARATIONS: list[tuple[str, Preparation]] = [
    ("*/err_auth_lowercase_bearer", seeds.key_of_echo),
    # files, end users, versions
    ("*/files_run_*", seeds.uploaded),
    ("*/run_blocking_files", seeds.uploaded),
    ("*/enduser_o[kt]*", seeds.uploaded),
    ("*/file_preview_*", seeds.uploaded),
    ("*/err_wf_id_ok_streaming", seeds.own_version),
    ("*/err_wf_id_other_app", seeds.version_of_another_app),
    ("*/draft_by_id", seeds.draft),
    ("*/*versions_v1", seeds.earlier_version),
    ("*/versions_v2", seeds.own_version),
    # logs
    ("*/hi1_logs_paused", scenes.paused),
    ("*/hi1_logs_finished", ANSWER.done),
    ("*/logs_rows_failing", seeds.run_again),
    ("*/logs_rows_partial", seeds.run_again),
    ("*/logs_rows_httpreq", seeds.run_again),
    ("*/logs_stop*_running", seeds.beside(scenes.going_on)),
    ("*/logs_stop*_after", seeds.beside(OWN_STOP.ended)),
    ("*/stop1_logs", seeds.beside(OWN_STOP.ended)),
    ("*/logs_disc2_after", seeds.beside(scenes.left)),
    ("*/*logs_*", seeds.logged),
    ("*/llm_logs", seeds.logged),
    # stops
    ("*/stop4_other_user_stream", OTHER_USER.midway),
    ("*/stop5_by_run_id_stream", RUN_ID.midway),
    ("*/stop6_other_app_stream", OTHER_APP.midway),
    ("1.14.2/stop3_stream", OTHER_USER.midway),
    ("1.14.2/stop6_stream", scenes.nothing),
    ("1.14.2/stop6_*", scenes.finished),
    ("*/stop*_stream", OWN_STOP.midway),
    ("*/ev5_stream", OWN_STOP.midway),
    ("*/llm_stop_stream", OWN_STOP.midway),
    ("*/stop5*_stop*", RUN_ID.due),
    ("*/stop*_stop*", OWN_STOP.due),
    ("*/ev5_stop", OWN_STOP.due),
    ("*/stop*_detail_running", scenes.going_on),
    ("*/stop8_detail_while_running", scenes.going_on_in_blocking_mode),
    ("*/stop*_detail_right_after", OWN_STOP.asked),
    ("*/stop4_other_user_detail", OTHER_USER.ended),
    ("*/stop6_other_app_detail", OTHER_APP.ended),
    ("1.14.2/stop3_detail", OTHER_USER.ended),
    ("1.14.2/stop4_detail", OTHER_APP.ended),
    ("*/stop5*_detail", RUN_ID.ended),
    ("*/stop*_detail*", OWN_STOP.ended),
    ("*/llm_stop_detail", OWN_STOP.ended),
    ("*/ev5_events_*", OWN_STOP.over),
    # streams that are resumed or left
    ("*/ev1_detail_running", scenes.going_on),
    ("*/ev1_detail_finished", scenes.finished),
    ("*/ev1_events_after*", scenes.finished),
    ("*/ev4_events_*", scenes.finished),
    ("*/ev1_events_*", scenes.going_on_at("slow2")),
    ("*/ev2_events_*", scenes.going_on),
    ("*/ev6_events*", scenes.going_on_in_blocking_mode),
    ("*/disc*_just_after_cut", scenes.just_left),
    ("*/disc*_detail_*", scenes.left),
    ("*/sidefx_detail*", scenes.left),
    # forms
    ("1.13.3/hi_*", scenes.paused),
    ("*/hi?_stream", scenes.nothing),
    ("*/hi2_blocking", scenes.nothing),
    ("*/hi1_events_finished", ANSWER.done),
    ("*/hi?_events_live*", ANSWER.midway),
    ("*/hi[245]_events*", ANSWER.midway),
    ("*/hi3_events", ANSWER_TO_STOPPED.midway),
    ("*/hi1_*_finished", ANSWER.done),
    ("*/hi1_*_right_after_submit", ANSWER.just),
    ("*/hi1_*_after_submit", ANSWER.done),
    ("*/hi1_submit_again", ANSWER.done),
    ("*/hi3_*_after_stop", scenes.paused_and_stopped),
    ("*/hi3_detail_end", ANSWER_TO_STOPPED.done),
    ("*/hi4_*2", ANSWER.done),
    ("*/hi6_*", scenes.timed_out),
    ("*/hi7_events", scenes.paused),
    ("*/hi7_*", scenes.given_up),
    ("*/hi?_*unknown_token", scenes.nothing),
    ("*/hi?_form_get_unknown", scenes.nothing),
    ("*/hi?_*", scenes.paused),
    ("*/rate_blocking_second", scenes.taken_by_a_blocking_run),
    ("1.13.3/rate_block_2", scenes.taken_by_a_blocking_run),
    ("1.[0-9].*/rate_*_2", scenes.taken_by_a_streamed_run),
    ("*/nginx_50[24]*", scenes.behind_a_proxy),
    ("*/nginx_cut_stream", scenes.behind_a_proxy),
    ("*/detail_*", scenes.finished),
    ("*/restart_api_detail", scenes.finished),
    ("*/manysteps_600_detail", scenes.finished),
    ("*", scenes.nothing),
]
"""How a recording is prepared, by its version and name; the first pattern that fits counts."""

EXCEPTIONS = {
    "1.0.1/run_streaming_loop": "loops of 1.0 lose their variables; the emulator's loops work",
    "1.9.2/stop2_stream": _STOPPED_OTHERWISE,
    "1.9.2/stop4_other_user_stream": _STOPPED_OTHERWISE,
    "1.13.3/hi_webform_get": "asks the web app's API (/api), which is not the service API",
}
"""Recordings to which the emulator answers otherwise, each with the reason."""

_OF_THE_CONNECTION = {"host", "authorization", "content-length"}
"""Headers of a request that are not sent as they were recorded."""


def preparation(played: Recording) -> Preparation:
    return next(each for pattern, each in PREPARATIONS if fnmatchcase(played.id, pattern))


def check(bench: Bench, played: Recording) -> list[str]:
    """Send a recorded request; in what the answer differs from the recorded one.

    A real server is asked again, once: it can lose the first events of a stream, and a slot of
    the app be taken a moment longer than a run.
    """
    found = _checked(bench, played)
    return _checked(bench, played) if found and bench.is_real else found


def _checked(bench: Bench, played: Recording) -> list[str]:
    try:
        scene = preparation(played)(bench, played)
        leaves = partial(_has_come, played) if played.is_cut and not scene.breaks else None
        given = bench.answer(_call(played, scene), leaves=leaves, midway=scene.midway)
    finally:
        bench.tidy_up()
    terms = Terms(played.app, not bench.is_real, bench.is_real and scene.is_stopped)
    return differences(_recorded(played), given, terms)


def nearest_recordings(bench: Bench) -> tuple[Recording, ...]:
    """The recordings of the version that is nearest to a server's, and not newer."""
    own = _numbers(bench.version())
    versions = {played.version for played in all_recordings()}
    older = [version for version in versions if _numbers(version)[:2] <= own[:2]]
    return of_version(max(older, key=_numbers))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _has_come(played: Recording, live: Live) -> bool:
    """Whether as much of a stream has come as the recorded client saw before it left."""
    if not live.messages or len(live.events) < len(played.events):
        return False
    # Of the pings with which it ends, one is enough.
    return played.messages[1:][-1:] != [PING] or live.messages[1:][-1:] == [PING]


def _call(played: Recording, scene: Scene) -> Call:
    target, body = played.target, played.request_bytes
    for role, value in scene.ids.items():
        target = ROLES[role].sub(value, target)
    for recorded, uploaded in scene.files.items():
        body = body.replace(recorded.encode(), uploaded.encode()) if recorded else body
    headers = [
        (name, value)
        for name, value in played.request_headers
        if name.lower() not in _OF_THE_CONNECTION
    ]
    authorization = dict(played.request_headers).get("Authorization")
    if scene.authorization or (played.app == "None" and authorization):
        headers.append(("Authorization", scene.authorization or str(authorization)))
    app = None if played.app == "None" else played.app
    return Call(app, played.method, target, headers, body)


def _recorded(played: Recording) -> Answer:
    headers = {name.lower(): value for name, value in played.headers}
    return Answer(
        played.status, headers, [each for each in played.chunks if each], not played.is_cut
    )


# ------------------------------------------------------------------------------ for people to read

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "emulator-conformance.md"

_INTRODUCTION = """\
# How the emulator conforms

The tests send each recorded request (tests/recordings) to the emulator of its version. Before that,
they prepare what the request needs: an active run, a stop, an answered form. The answer must be the
recorded one. The tests compare status, headers, content type, error code and message, and the style
of the JSON. They also compare keys, types and values, the sequence of a stream's events, its pings,
and one message in each chunk.

Some things may differ:

- ids (equal ids in the recording must be equal in the answer), times and durations
- the order of events from parallel branches
- the position of streamed text among the other events
- the inputs, outputs and process data of nodes other than start and end
- the number of pings after the first one, but there must be some
- the reason phrase

tests/test_conformance.py also fails if an exception in the list is no longer needed.
`cd tests && python -m support.conformance` writes this page again.
"""


def document() -> str:
    """The page: what conforms, by version, and what does not, with the reasons."""
    lines = [_INTRODUCTION, "| version | recordings | conforming | excepted |", "|---|---|---|---|"]
    for version in sorted({played.version for played in all_recordings()}, key=_numbers):
        total = len(of_version(version))
        excepted = sum(name.startswith(f"{version}/") for name in EXCEPTIONS)
        lines.append(f"| {version} | {total} | {total - excepted} | {excepted} |")
    lines += ["", "## Exceptions", "", "| recording | why |", "|---|---|"]
    lines += [f"| {name} | {reason} |" for name, reason in EXCEPTIONS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
