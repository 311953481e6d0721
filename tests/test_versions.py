"""How the emulator of each version answers otherwise, one behaviour a test.

Each names the recordings that show it, where there are some. test_conformance.py compares whole
answers; here stands what a version is.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from dify_workflow._http.answer import lingers
from dify_workflow.emulator import Emulator, node, workflow
from dify_workflow.emulator.dialect import DIALECTS
from support.bench import Bench, Call
from support.normal import json_styles
from support.versions import SOME_ID, VERSIONS, by_version, get, logged, names, post

# ------------------------------------------------------------------------- what is there at all


@pytest.mark.parametrize("bench", VERSIONS, indirect=True)
def test_each_answer_names_the_version_those_of_no_app_too(bench: Bench) -> None:
    version = bench.version()
    assert version in VERSIONS
    assert get(bench, "/info").headers["x-version"] == version


@by_version([404, 200, 200, 200, 200, 200])
def test_site_is_there_from_1_4_on(bench: Bench, expected: int) -> None:
    """get_site_branchy."""
    assert get(bench, "/site").status == expected


@by_version([404, 400, 400, 400, 400, 400])
def test_versions_run_by_their_id_from_1_7_on(bench: Bench, expected: int) -> None:
    """err_wf_id_not_uuid."""
    assert post(bench, "/workflows/not-a-uuid/run", {"inputs": {}, "user": "u"}).status == expected


@by_version(["text/html", "text/html", "text/html", "application/json", *["application/json"] * 2])
def test_end_users_are_there_from_1_13_on(bench: Bench, expected: str) -> None:
    """err_end_user: before, the path is unknown."""
    assert get(bench, f"/end-users/{SOME_ID}").content_type.startswith(expected)


@pytest.mark.parametrize("path", [f"/workflow/{SOME_ID}/events?user=u", "/form/human_input/x"])
@by_version(["text/html", "text/html", "text/html", "text/html", *["application/json"] * 2])
def test_events_and_forms_are_there_from_1_14_on(bench: Bench, expected: str, path: str) -> None:
    """disc2_events_endpoint, err_form_get, 1.13.3/hi_form_get."""
    assert get(bench, path).content_type.startswith(expected)


@by_version([200, 200, 404, 404, 404, 404])
def test_the_root_says_the_version_until_1_7(bench: Bench, expected: int) -> None:
    """err_root."""
    assert get(bench, "/").status == expected


# --------------------------------------------------------------------------- how answers are put


@by_version(["spaced, line end", "spaced, line end", *["compact, \\/, line end"] * 4])
def test_json_has_spaces_until_1_7(bench: Bench, expected: str) -> None:
    """get_info_branchy."""
    assert expected in json_styles(get(bench, "/info", "branchy").body)


@by_version(["", "", "", "; charset=utf-8", "; charset=utf-8", "; charset=utf-8"])
def test_the_blocking_mode_names_its_charset_from_1_11_on(bench: Bench, expected: str) -> None:
    """run_blocking_echo."""
    answer = post(bench, "/workflows/run", {"inputs": {"name": "x"}, "user": "u"})
    assert answer.content_type == f"application/json{expected}"


@by_version(
    [
        {"code", "message", "params"},
        {"code", "message", "params"},
        {"errors", "message"},
        *[{"code", "message", "status"}] * 3,
    ]
)
def test_a_missing_parameter_is_told_in_three_ways(bench: Bench, expected: set[str]) -> None:
    """err_missing_inputs."""
    answer = post(bench, "/workflows/run", {"user": "u"})
    assert (answer.status, json.loads(answer.body).keys()) == (400, expected)


@by_version([None, None, 500, 500, 500, 500])
def test_a_server_error_repeats_its_status_from_1_8_on(bench: Bench, expected: int | None) -> None:
    """err_json_string, err_user_long."""
    answer = get(bench, "/workflows/run/nope")
    assert (answer.status, json.loads(answer.body).get("status")) == (500, expected)


@by_version([False, False, True, True, True, True])
def test_a_refused_key_is_told_the_scheme_from_1_8_on(bench: Bench, expected: bool) -> None:
    """err_no_auth."""
    answer = bench.answer(Call(None, "GET", "/v1/info"))
    assert (answer.status, "www-authenticate" in answer.headers) == (401, expected)


@pytest.mark.parametrize("name", ["NaN", '"\\ud800"'])
@by_version([200, 200, 400, 400, 400, 400])
def test_json_that_is_none_is_taken_until_1_7(bench: Bench, expected: int, name: str) -> None:
    """err_lone_surrogate."""
    app, field = ("branchy", "n") if name == "NaN" else ("echo", "name")
    body = f'{{"inputs": {{"{field}": {name}}}, "user": "u"}}'
    assert post(bench, "/workflows/run", body, app).status == expected


@by_version([500, 500, 500, 400, 400, 400])
def test_files_that_are_no_list_are_a_server_error_until_1_10(bench: Bench, expected: int) -> None:
    body = {"inputs": {"name": "x"}, "user": "u", "files": "x"}
    assert post(bench, "/workflows/run", body).status == expected


@by_version([400, 400, 400, 200, 200, 200])
def test_a_mode_of_null_is_blocking_from_1_11_on(bench: Bench, expected: int) -> None:
    body = {"inputs": {"name": "x"}, "user": "u", "response_mode": None}
    assert post(bench, "/workflows/run", body).status == expected


# ------------------------------------------------------------------------------------- streams


@by_version([False, False, False, True, True, True])
def test_a_stream_begins_with_a_ping_from_1_13_on(bench: Bench, expected: bool) -> None:
    """run_streaming_echo."""
    live = bench.start("echo", {"name": "x"}, "u").read()
    assert (live.messages[0] == b"event: ping") == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_pings_are_counted_from_the_start_whatever_comes_between(version: str) -> None:
    """restart_api_stream: four requests of three seconds each, and a ping after ten."""

    @workflow()
    def busy(_inputs: Any) -> Any:
        for number in range(10):
            yield from node(f"n{number}", seconds=0.05)
        return {}

    with (
        Emulator(busy, server_version=version, ping_interval=0.2) as emulator,
        Bench(emulator.base_url, {"busy": "app-busy"}) as bench,
    ):
        assert b"event: ping" in bench.start("busy", {}, "u").read().messages[1:]


@by_version(["spaced", "spaced", "compact, raw", "compact, raw", "compact, raw", "compact, raw"])
def test_letters_come_as_they_are_from_1_8_on(bench: Bench, expected: str) -> None:
    """run_streaming_echo, llm_stream_plain: U+2028 as well."""
    live = bench.start("echo", {"name": "☃ \u2028"}, "u").read()
    styles = [json_styles(each[6:]) for each in live.messages if each.startswith(b"data: ")]
    assert set.intersection(*styles) == {expected}


@pytest.mark.parametrize(
    ("version", "lingers"), [*zip(VERSIONS, [False] * 3 + [True] * 2 + [False], strict=True)]
)
def test_a_stream_stays_open_behind_its_last_event_in_1_13_and_1_14(
    version: str, lingers: bool
) -> None:
    """Timing of run_streaming_echo."""
    keys = {"echo": "app-echo"}
    with (
        Emulator(server_version=version, linger=2) as emulator,
        Bench(emulator.base_url, keys) as bench,
    ):
        live = bench.start("echo", {"name": "x"}, "u")
        live.read(lambda live: names(live)[-1:] == ["workflow_finished"])
        ended = time.monotonic()
        live.read()
        assert (time.monotonic() - ended > 1) == lingers


@by_version(
    [
        ({"sequence_number"}, set()),
        (set(), set()),
        (set(), set()),
        (set(), {"reason"}),
        (set(), {"reason"}),
        (set(), {"reason"}),
    ]
)
def test_the_start_has_a_number_first_and_a_reason_later(bench: Bench, expected: Any) -> None:
    """run_streaming_echo."""
    data = bench.start("echo", {"name": "x"}, "u").read().events[0]["data"]
    usual = {"id", "workflow_id", "inputs", "created_at"}
    assert data.keys() == usual | expected[0] | expected[1]


@by_version([None, "", None, None, None, None])
def test_no_error_is_an_empty_text_in_1_7(bench: Bench, expected: str | None) -> None:
    """run_blocking_echo; null before 1.4 and from 1.9.2 on."""
    body = {"inputs": {"name": "x"}, "user": "u"}
    assert bench.post("echo", "/workflows/run", body)["data"]["error"] == expected


@by_version([None, {}, {}, {}, {}, {}])
def test_a_failed_run_has_null_for_outputs_in_1_0(bench: Bench, expected: Any) -> None:
    """run_streaming_failing."""
    data = bench.start("failing", {"msg": "m"}, "u").read().events[-1]["data"]
    assert (data["status"], data["outputs"]) == ("failed", expected)


@by_version([0, 0, 3, 3, 3, 3])
def test_failed_attempts_are_counted_from_1_9_on(bench: Bench, expected: int) -> None:
    """run_streaming_httpreq_500: two retries and the failure."""
    url = "http://127.0.0.1:8999/status/500"
    data = bench.start("httpreq", {"url": url}, "u").read().events[-1]["data"]
    assert data["exceptions_count"] == expected


@by_version([False, False, True, True, True, True])
def test_all_outputs_are_streamed_as_text_from_1_9_on(bench: Bench, expected: bool) -> None:
    """run_streaming_echo."""
    assert ("text_chunk" in names(bench.start("echo", {"name": "x"}, "u").read())) == expected


@pytest.mark.parametrize("bench", VERSIONS, indirect=True)
def test_the_text_of_a_model_is_streamed_by_every_version(bench: Bench) -> None:
    """run_streaming_llm."""
    live = bench.start("llm", {"q": "words=2"}, "u").read()
    texts = [event["data"]["text"] for event in live.events if event["event"] == "text_chunk"]
    assert "".join(texts) == "alpha béta"


@by_version([(1, 2, 3), (1, 2, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1)])
def test_nodes_are_numbered_until_1_8(bench: Bench, expected: Any) -> None:
    """run_streaming_template."""
    events = bench.start("template", {"name": "x"}, "u").read().events
    started = [event["data"] for event in events if event["event"] == "node_started"]
    before = (None, "start", "tpl") if expected[1] == 2 else (None, None, None)
    assert tuple(data["index"] for data in started) == expected
    assert tuple(data["predecessor_node_id"] for data in started) == before


@by_version(["at once", "at once", "in turn", "in turn", "at once", "at once"])
def test_branches_went_on_one_after_the_other_from_1_9_to_1_13(bench: Bench, expected: str) -> None:
    """run_streaming_parallel."""
    live = bench.start("parallel", {"secs": "1"}, "u").read()
    nodes = [
        (event["event"], event["data"]["node_id"])
        for event in live.events
        if event["data"].get("node_id") in {"p1", "p2"}
    ]
    first = [name for name, _ in nodes[:2]]
    assert (first == ["node_started", "node_started"]) == (expected == "at once")


@by_version([2, 2, 0, 0, 0, 0])
def test_branches_have_events_until_1_8(bench: Bench, expected: int) -> None:
    """run_streaming_parallel."""
    found = names(bench.start("parallel", {"secs": "0"}, "u").read())
    assert found.count("parallel_branch_started") == expected
    assert found.count("parallel_branch_finished") == expected


@by_version([3, 3, 2, 2, 2, 2])
def test_an_iteration_announces_an_item_more_until_1_8(bench: Bench, expected: int) -> None:
    """run_streaming_iter."""
    assert names(bench.start("iter", {"n": 2}, "u").read()).count("iteration_next") == expected


# ------------------------------------------------------------------- inputs that are not right


@by_version(
    [
        (400, []),
        (400, []),
        (400, []),
        (200, ["ping"]),
        (200, ["ping"]),
        (200, ["ping", "workflow_started", "workflow_finished"]),
    ]
)
def test_bad_inputs_are_refused_then_passed_over_then_failed(bench: Bench, expected: Any) -> None:
    """err_stream_missing_required; the silence of 1.13 and 1.14 ends by itself."""
    body = {"inputs": {}, "user": "u", "response_mode": "streaming"}
    answer = post(bench, "/workflows/run", body)
    shown = [
        "ping" if each == b"event: ping" else json.loads(each[6:])["event"]
        for each in answer.messages
    ]
    assert (answer.status, shown) == expected


@pytest.mark.parametrize("bench", ["1.16.1"], indirect=True)
def test_the_failed_run_of_bad_inputs_is_nowhere_to_be_found(bench: Bench) -> None:
    """1.16.1/err_stream_missing_required."""
    event = bench.start("echo", {}, "u").read().events[-1]
    assert event["task_id"] == event["workflow_run_id"] == event["data"]["id"]
    assert get(bench, f"/workflows/run/{event['task_id']}").status == 404
    assert logged(bench, "echo") == []


@by_version(
    [
        ["workflow_started", "workflow_finished"],
        ["workflow_started", "workflow_finished"],
        ["workflow_started", "workflow_finished"],
        ["error"],
        ["error"],
        ["error", "workflow_started", "workflow_finished"],
    ]
)
def test_a_run_that_cannot_start_fails_or_sends_an_error_event(
    bench: Bench, expected: list[str]
) -> None:
    live = bench.start("badllm", {"q": "x"}, "u").read()
    outer = [name for name in names(live) if not name.startswith("node_")]
    assert outer == expected
    assert live.events[-1].get("data", {}).get("status", "failed") == "failed"


@by_version([200, 200, 200, 400, 400, 400])
def test_a_blocking_run_that_cannot_start_is_refused_from_1_13_on(
    bench: Bench, expected: int
) -> None:
    assert post(bench, "/workflows/run", {"inputs": {"q": "x"}, "user": "u"}, "badllm").status == (
        expected
    )


@pytest.mark.parametrize("version", DIALECTS)
def test_the_client_knows_which_versions_leave_a_stream_open_behind_its_final_event(
    version: str,
) -> None:
    dialect = DIALECTS[version]
    assert lingers(dialect.version) is dialect.lingers
