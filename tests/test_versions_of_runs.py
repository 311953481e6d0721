"""What the emulator of each version keeps of runs, one behaviour a test; see test_versions.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dify_workflow.emulator import PastRun
from support.bench import Bench, Call, Live
from support.versions import (
    SOME_ID,
    VERSIONS,
    by_version,
    detail,
    get,
    going_on,
    logged,
    names,
    post,
)

pytestmark = pytest.mark.slow

# ------------------------------------------------------------------------ what is kept of a run


@by_version(
    [
        (200, None),
        (200, None),
        (200, None),
        (404, "not_found"),
        (404, "not_found"),
        (404, "not_found"),
    ]
)
def test_an_unknown_run_is_an_answer_of_nulls_until_1_13(bench: Bench, expected: Any) -> None:
    """err_run_detail_unknown."""
    answer = get(bench, f"/workflows/run/{SOME_ID}")
    body = json.loads(answer.body)
    assert (answer.status, body.get("code")) == expected
    assert body.get("id") is None


@by_version([400, 200, 200, 404, 404, 404])
def test_run_detail_is_refused_to_chat_apps_in_1_0_alone(bench: Bench, expected: int) -> None:
    assert get(bench, f"/workflows/run/{SOME_ID}", "chatflow").status == expected


@by_version([str, str, str, dict, dict, dict])
def test_the_outputs_of_run_detail_are_text_until_1_12(bench: Bench, expected: type) -> None:
    """detail_after_echo."""
    run_id = bench.run("echo", {"name": "Ann ☃"}, "u")
    outputs = detail(bench, "echo", run_id)["outputs"]
    assert isinstance(outputs, expected)
    if isinstance(outputs, str):
        assert outputs == '{"greeting": "Ann \\u2603"}'


@by_version(["{}", None, None, {}, {}, {}])
def test_no_outputs_of_a_failed_run_are_kept_in_three_ways(bench: Bench, expected: Any) -> None:
    run_id = bench.run("failing", {"msg": "m"}, "u")
    assert detail(bench, "failing", run_id)["outputs"] == expected


@by_version([str, int, int, int, int, int])
def test_times_of_run_detail_are_texts_in_1_0(bench: Bench, expected: type) -> None:
    """detail_after_echo."""
    found = detail(bench, "echo", bench.run("echo", {"name": "x"}, "u"))
    assert isinstance(found["created_at"], expected)
    assert isinstance(found["finished_at"], expected)
    if expected is str:
        assert found["created_at"].endswith(" -0000")


@by_version([False, False, False, True, True, True])
def test_run_detail_shows_the_time_among_the_inputs_from_1_10_on(
    bench: Bench, expected: bool
) -> None:
    """detail_after_echo."""
    found = detail(bench, "echo", bench.run("echo", {"name": "x"}, "u"))
    assert ("sys.timestamp" in json.loads(found["inputs"])) == expected


@by_version([[], [], [], ["running"], ["running"], ["running"]])
def test_a_run_is_in_the_logs_while_it_goes_on_from_1_11_on(
    bench: Bench, expected: list[str]
) -> None:
    """logs_stop1_running."""
    going_on(bench)
    assert logged(bench, "slow") == expected


@by_version(
    [
        ("failed", "failed"),
        ("failed", "failed"),
        ("failed", "stopped"),
        ("failed", "stopped"),
        ("failed", "stopped"),
        ("stopped", "stopped"),
    ]
)
def test_too_many_steps_end_a_run_and_stream_and_detail_may_disagree(
    bench: Bench, expected: Any
) -> None:
    """manysteps_600_detail."""
    live = bench.start("manysteps", {"n": 600}, "u").read()
    kept = detail(bench, "manysteps", live.run_id)
    assert (live.events[-1]["data"]["status"], kept["status"]) == expected
    assert live.events[-1]["data"]["error"] == kept["error"]


# ------------------------------------------------------------------------------ stops and leaving


@by_version(
    [
        ("stopped", "Stopped by user.", "stopped"),
        ("stopped", "Stopped by user.", "stopped"),
        ("failed", "Aborted: User requested stop", "stopped"),
        ("stopped", "Stopped by user.", "running"),
        ("stopped", "Stopped by user.", "running"),
        ("stopped", "Stopped by user.", "stopped"),
    ]
)
def test_what_a_stop_leaves_behind(bench: Bench, expected: Any) -> None:
    """stop1_stream, stop1_detail_after, logs_stop1_after, 1.16.1/logs_stopped."""
    live = going_on(bench)
    bench.stop("slow", live.task_id, "u1")
    last = live.read().events[-1]["data"]
    kept = detail(bench, "slow", live.run_id)
    assert (last["status"], last["error"], kept["status"]) == expected
    assert logged(bench, "slow") == [kept["status"]]
    assert (kept["finished_at"] is None) == (kept["status"] == "running")


@pytest.mark.parametrize("bench", VERSIONS, indirect=True)
def test_right_after_a_stop_the_run_still_goes_on(bench: Bench) -> None:
    """stop1_detail_right_after."""
    live = going_on(bench)
    bench.stop("slow", live.task_id, "u1")
    assert detail(bench, "slow", live.run_id)["status"] == "running"


@pytest.mark.parametrize(("app", "user"), [("slow", "somebody-else"), ("echo", "u1")])
@by_version([False, False, True, True, True, True])
def test_anybody_can_stop_a_run_from_1_9_on(
    bench: Bench, expected: bool, app: str, user: str
) -> None:
    """stop4_other_user_stream, stop6_other_app_stream."""
    live = going_on(bench)
    bench.stop(app, live.task_id, user)
    assert (live.read().events[-1]["data"]["status"] != "succeeded") == expected


@pytest.mark.parametrize("bench", VERSIONS, indirect=True)
def test_a_stop_by_the_id_of_the_run_does_nothing(bench: Bench) -> None:
    """stop5_by_run_id_stream."""
    live = going_on(bench)
    bench.stop("slow", live.run_id, "u1")
    assert live.read().events[-1]["data"]["status"] == "succeeded"


@pytest.mark.parametrize("bench", ["1.14.2"], indirect=True)
def test_a_node_goes_on_behind_a_stop_though_nobody_hears_of_it(bench: Bench) -> None:
    """ev5_events_after_stop_snapshot."""
    live = going_on(bench)
    bench.stop("slow", live.task_id, "u1")
    live.read()
    bench.wait_longer_than(0.5, "slow")
    path = f"/v1/workflow/{live.run_id}/events?user=u1&include_state_snapshot=true"
    replay = Live(bench.open(Call("slow", "GET", path)))
    replay.read(lambda live: live.messages[-1:] == [b"event: ping"] and len(live.events) > 1)
    replay.close()
    ended = [e["data"]["node_id"] for e in replay.events if e["event"] == "node_finished"]
    assert ended == ["start", "slowreq", "end"]


@by_version(
    [
        ("running", []),
        ("running", []),
        ("succeeded", []),
        ("succeeded", ["succeeded"]),
        ("succeeded", ["succeeded"]),
        ("succeeded", ["succeeded"]),
    ]
)
def test_what_a_stream_that_was_left_leaves_behind(bench: Bench, expected: Any) -> None:
    """disc2_detail_late, logs_disc2_after, sidefx_detail."""
    live = going_on(bench)
    live.close()
    bench.wait_longer_than(0.5, "slow")
    kept = detail(bench, "slow", live.run_id)
    assert (kept["status"], logged(bench, "slow")) == expected


@pytest.mark.parametrize("bench", VERSIONS, indirect=True)
def test_a_blocking_call_that_was_cut_is_logged_all_the_same(bench: Bench) -> None:
    """logs_disc3_after."""
    bench.emulator.faults.answer(504, runs_anyway=True)
    body = {"inputs": {"secs": "0"}, "user": "u"}
    assert post(bench, "/workflows/run", body, "slow").status == 504
    bench.wait_longer_than(0.5, "slow")
    assert logged(bench, "slow") == ["succeeded"]


# -------------------------------------------------------------------------------- concurrency


@by_version([200, 200, 200, 400, 400, 400])
def test_a_limit_of_one_refuses_every_stream_from_1_13_on(bench: Bench, expected: int) -> None:
    """rate_stream_1, rate_first_stream."""
    body = {"inputs": {"secs": "0"}, "user": "u", "response_mode": "streaming"}
    answer = post(bench, "/workflows/run", body, "limited")
    assert answer.status == expected
    if expected == 400:
        assert json.loads(answer.body)["code"] == "invalid_param"


# --------------------------------------------------------------------------------------- logs


@by_version(
    [
        {"id", "workflow_run", "created_from"},
        {"id", "workflow_run", "created_from"},
        {"id", "workflow_run", "created_from"},
        *[{"id", "workflow_run", "created_from", "details"}] * 3,
    ]
)
def test_rows_have_details_from_1_10_on(bench: Bench, expected: set[str]) -> None:
    """logs_rows_echo."""
    bench.run("echo", {"name": "x"}, "u")
    row = bench.get("echo", "/workflows/logs")["data"][0]
    by = {"created_by_role", "created_by_account", "created_by_end_user", "created_at"}
    assert row.keys() == expected | by
    assert ("triggered_from" in row["workflow_run"]) == ("details" in expected)
    kind = "service-api" if "details" in expected else "service_api"
    assert row["created_by_end_user"]["type"] == kind


TWO_RUNS = (
    PastRun(1_795_000_000, user="ann", inputs={"name": "Ann ☃"}),
    PastRun(1_795_000_100, user="bob", inputs={"name": "Bob"}),
)


def found(bench: Bench, query: str) -> int:
    """How many of two runs a query finds; an HTTP status where it is refused."""
    bench.emulator.add_runs(TWO_RUNS, "echo")
    answer = get(bench, f"/workflows/logs?{query}")
    return int(json.loads(answer.body)["total"]) if answer.status == 200 else answer.status


@by_version([2, 1, 1, 1, 1, 1])
def test_users_are_filtered_for_from_1_5_on(bench: Bench, expected: int) -> None:
    """err_logs_created_by_end_user_session_id_u1."""
    assert found(bench, "created_by_end_user_session_id=ann") == expected


@by_version([2, 0, 400, 400, 400, 400])
def test_an_unknown_account_is_an_error_from_1_9_2_on(bench: Bench, expected: int) -> None:
    """err_logs_created_by_account_nobody_at_example.com."""
    assert found(bench, "created_by_account=nobody@example.com") == expected


@by_version([1, 500, 500, 500, 500, 500])
def test_keyword_and_user_together_are_a_server_error_from_1_5_on(
    bench: Bench, expected: int
) -> None:
    """logs_kw_and_session."""
    assert found(bench, "keyword=bob&created_by_end_user_session_id=ann") == expected


@by_version([2, 2, 2, 0, 0, 0])
def test_a_percent_sign_is_a_wildcard_until_1_11(bench: Bench, expected: int) -> None:
    """err_logs_keyword_pct25."""
    assert found(bench, "keyword=%25") == expected


@by_version([1, 1, 1, 0, 0, 0])
def test_letters_beyond_ascii_are_found_until_1_11(bench: Bench, expected: int) -> None:
    """logs_keyword__."""
    assert found(bench, "keyword=%E2%98%83") == expected


@by_version([400, 0, 0, 0, 0, 0])
def test_a_year_is_a_time_from_1_3_on(bench: Bench, expected: int) -> None:
    """err_logs_created_at__before_2026."""
    assert found(bench, "created_at__before=2026") == expected


# -------------------------------------------------------------------------- files and forms


@by_version([200, 200, 200, 200, 400, 400])
def test_files_are_for_their_own_user_from_1_14_on(bench: Bench, expected: int) -> None:
    """files_run_other_user."""
    part = b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    body = b"--x\r\n" + part + b"Content-Type: text/plain\r\n\r\nhello\r\n--x--\r\n"
    kind = [("Content-Type", "multipart/form-data; boundary=x")]
    stored = json.loads(bench.answer(Call("files", "POST", "/v1/files/upload", kind, body)).body)
    doc = {"type": "document", "transfer_method": "local_file", "upload_file_id": stored["id"]}
    run = {"inputs": {"doc": doc}, "user": "somebody"}
    assert post(bench, "/workflows/run", run, "files").status == expected


@pytest.mark.parametrize("bench", VERSIONS, indirect=True)
def test_of_two_files_in_an_upload_the_first_is_kept(bench: Bench) -> None:
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="%c.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nhello\r\n" % letter
        for letter in b"ab"
    )
    kind = [("Content-Type", "multipart/form-data; boundary=x")]
    answer = bench.answer(Call("files", "POST", "/v1/files/upload", kind, body + b"--x--\r\n"))
    assert (answer.status, json.loads(answer.body)["name"]) == (201, "a.txt")


@pytest.mark.parametrize("bench", ["1.13.3"], indirect=True)
def test_a_run_pauses_in_1_13_but_only_a_browser_can_answer(bench: Bench) -> None:
    """1.13.3/hi_streaming, hi_blocking."""
    assert names(bench.start("human", {"topic": "x"}, "u").read())[-1] == "workflow_paused"
    body = {"inputs": {"topic": "x"}, "user": "u"}
    data = bench.post("human", "/workflows/run", body)["data"]
    assert (data["status"], "reasons" in data) == ("paused", False)


@pytest.mark.parametrize(
    ("bench", "tells"), [("1.14.2", True), ("1.16.1", False)], indirect=["bench"]
)
def test_a_filled_form_is_an_event_in_1_14_and_none_in_1_16(bench: Bench, tells: bool) -> None:
    """hi1_events_live_plain, 1.16.1/hi1_events_live."""
    paused = bench.start("human", {"topic": "x"}, "u").read()
    live = bench.listen("human", paused.run_id, "u")
    answer = {"inputs": {"comment": "c", "draft": "d"}, "action": "approve", "user": "u"}
    bench.post("human", f"/form/human_input/{paused.form_token}", answer)
    assert ("human_input_form_filled" in names(live.read())) == tells
    assert live.events[-1]["data"]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("bench", "tells"), [("1.14.2", True), ("1.16.1", False)], indirect=["bench"]
)
def test_a_form_that_timed_out_is_an_event_in_1_14_and_none_in_1_16(
    bench: Bench, tells: bool
) -> None:
    """hi6_detail."""
    paused = bench.start("human", {"topic": "Timeout"}, "u").read()
    live = bench.listen("human", paused.run_id, "u").read()
    assert ("human_input_form_timeout" in names(live)) == tells
    assert live.events[-1]["data"]["outputs"] == {"timeout": "Timeout"}


@pytest.mark.parametrize(
    ("bench", "channels"), [("1.14.2", None), ("1.16.1", ["console"])], indirect=["bench"]
)
def test_forms_name_their_channels_in_1_16(bench: Bench, channels: list[str] | None) -> None:
    """1.16.1/hi1_stream."""
    paused = bench.start("human", {"topic": "x"}, "u").read()
    for data in (paused.events[-2]["data"], paused.events[-1]["data"]["reasons"][0]):
        assert data.get("approval_channels") == channels
