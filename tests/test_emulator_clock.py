"""The server's clock: it may be ahead or behind, and each answer says what time it is."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from dify_workflow.emulator import Emulator, human_input, node, workflow
from support.bench import Call, bench_with
from support.likeness import Answer


@workflow()
def asks(_inputs: dict[str, Any]) -> Any:
    yield from node("think")
    yield from human_input("ask", "?", timeout=3600)
    return {}


def date(answer: Answer) -> float:
    return parsedate_to_datetime(answer.headers["date"]).timestamp()


@pytest.mark.parametrize("shift", [0.0, 7200.0, -7200.0])
def test_all_times_are_by_the_servers_clock(shift: float) -> None:
    def is_now(moment: float) -> bool:
        return abs(moment - time.time() - shift) < 60

    with bench_with(asks, clock_shift=shift) as bench:
        live = bench.start("asks", {}, "u1").read()
        for event in live.events:
            data = event["data"]
            assert all(is_now(data[key]) for key in ("created_at", "finished_at") if key in data)
        (asked,) = [each for each in live.events if each["event"] == "human_input_required"]
        assert is_now(asked["data"]["expiration_time"] - 3600)
        answer = {"inputs": {}, "action": "submit", "user": "u1"}
        listening = bench.listen("asks", live.run_id, "u1")
        bench.post("asks", f"/form/human_input/{live.form_token}", answer)
        listening.read()
        kept = bench.get("asks", f"/workflows/run/{live.run_id}")
        assert (kept["status"], is_now(kept["created_at"])) == ("succeeded", True)
        assert is_now(kept["finished_at"])
        assert is_now(json.loads(kept["inputs"])["sys.timestamp"])
        assert 0 <= kept["elapsed_time"] < 60
        (row,) = bench.get("asks", "/workflows/logs")["data"]
        assert is_now(row["created_at"])
        assert is_now(row["workflow_run"]["finished_at"])
        assert is_now(date(bench.answer(Call("asks", "GET", "/v1/info"))))


def test_the_clock_may_be_set_while_the_server_runs() -> None:
    with bench_with(asks) as bench:
        bench.emulator.clock_shift = 86_400.0
        live = bench.start("asks", {}, "u1").read()
        kept = bench.get("asks", f"/workflows/run/{live.run_id}")
        assert abs(kept["created_at"] - time.time() - 86_400) < 60


CALLS = {
    "answer": Call("asks", "GET", "/v1/info"),
    "refusal": Call("asks", "GET", "/v1/workflows/run/nope"),
    "no app": Call(None, "GET", "/v1/info"),
    "no page": Call(None, "GET", "/nope"),
    "no method": Call(None, "DELETE", "/v1/info"),
    "proxy": Call("asks", "GET", "/v1/meta"),
    "stream": Call(
        "asks",
        "POST",
        "/v1/workflows/run",
        [("Content-Type", "application/json")],
        b'{"inputs": {}, "user": "u", "response_mode": "streaming"}',
    ),
}


@pytest.mark.parametrize("version", ["1.0", "1.14", "1.16"])
def test_each_answer_has_one_date_unless_a_proxy_drops_it(version: str) -> None:
    with bench_with(asks, server_version=version) as bench:
        bench.emulator.faults.answer(503, on="GET /meta", times=None)
        for name, call in CALLS.items():
            answer = bench.answer(call)
            assert "," not in answer.headers["date"][4:], f"{name} has two"
            assert abs(date(answer) - time.time()) < 60, name
        bench.emulator.date_header = False
        for name, call in CALLS.items():
            assert "date" not in bench.answer(call).headers, name


def test_an_emulator_may_begin_without_the_header() -> None:
    with bench_with(asks, date_header=False) as bench:
        assert "date" not in bench.answer(CALLS["answer"]).headers


def test_settings_can_be_read_before_it_runs() -> None:
    emulator = Emulator(workers=4, resume_delay=1.0, clock_shift=-5.0)
    assert (emulator.workers, emulator.resume_delay, emulator.clock_shift) == (4, 1.0, -5.0)
    emulator.workers = 2
    assert emulator.workers == 2


@pytest.mark.parametrize("options", [{"workers": -1}, {"resume_delay": -0.1}])
def test_a_setting_that_cannot_be_is_refused_also_later(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=name):
        Emulator(**options)
    with pytest.raises(ValueError, match=name):
        setattr(Emulator(), name, value)
