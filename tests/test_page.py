"""What the emulator's page is made from: the document, and the JSON beside it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from dify_workflow.emulator import (
    Emulator,
    FormInput,
    Input,
    PastRun,
    Steps,
    human_input,
    iteration,
    loop,
    node,
    retrying_node,
    workflow,
)
from dify_workflow.report import RunReport
from support.waiting import PATIENCE


@workflow(Input("topic"), Input("style", "select", options=["plain", "loud"]), Input("n", "number"))
def needy(inputs: dict[str, Any]) -> Steps:
    """Takes 'this' and "that"."""
    yield from node("it's", inputs=inputs)
    return inputs


@workflow(
    Input("flag", "checkbox"),
    Input("data", "json_object"),
    Input("file", "file"),
    Input("files", "file-list"),
    Input("preset", default="as it is"),
    Input("spare", required=False),
)
def rich(inputs: dict[str, Any]) -> Steps:
    yield from node("a")
    return {"preset": inputs["preset"], "flag": inputs["flag"]}


@workflow()
def rounds(_inputs: dict[str, Any]) -> Steps:
    def each(item: str, _index: int) -> Steps:
        yield from node("fetch", title=f"Fetch {item}", seconds=0.01, outputs={"got": item})
        yield from loop("again", twice, rounds=2)

    def twice(index: int, _variables: dict[str, Any]) -> Steps:
        yield from node("inner", outputs={"index": index})
        return {}

    yield from iteration("each", ["a", "b", "c"], each, parallel=True)
    yield from retrying_node("shaky", "503 once more", retries=2, outputs={"ok": True})
    return {}


@workflow()
def numbers(_inputs: dict[str, Any]) -> Steps:
    yield from node("n", outputs={"nan": float("nan"), "half": "\ud800"})
    return {"large": 2**70, "text": "", "list": [1, "é"]}


@workflow()
def asking(_inputs: dict[str, Any]) -> Steps:
    answer = yield from human_input("ask", "May I?", inputs=[FormInput("why")], title="Ask")
    return {"why": answer.inputs["why"]}


@workflow()
def endless(_inputs: dict[str, Any]) -> Steps:
    yield from node("work", seconds=60)
    return {}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(needy, rich, rounds, numbers, asking, endless, linger=0) as running:
        yield running


@pytest.fixture
def page(emulator: Emulator) -> Iterator[httpx.Client]:
    emulator.reset()
    with httpx.Client(base_url=emulator.base_url.removesuffix("/v1"), timeout=PATIENCE) as client:
        yield client


def run(page: httpx.Client, name: str, inputs: dict[str, Any] | None = None) -> str:
    """Run a workflow in blocking mode; the id of the run."""
    body = {"inputs": inputs or {}, "user": "ann", "response_mode": "blocking"}
    answer = page.post(
        "/v1/workflows/run", json=body, headers={"Authorization": f"Bearer app-{name}"}
    )
    return str(answer.raise_for_status().json()["workflow_run_id"])


def of_run(page: httpx.Client, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = page.get(f"/page/runs/{run_id}.json").raise_for_status().json()
    return found


# --------------------------------------------------------------------------------- the document


def test_the_page_is_one_document_that_loads_nothing_from_elsewhere(page: httpx.Client) -> None:
    answer = page.get("/").raise_for_status()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "{{ " not in re.sub(r"\$?\{\{#.*?\}\}", "", answer.text), "a part is missing"
    loaded = re.findall(r"""(?:src|href)\s*=\s*["']([^"'#][^"']*)""", answer.text)
    assert all(address.startswith("data:") for address in loaded)
    assert "@import" not in answer.text
    assert "url(" not in answer.text


def test_a_browser_may_run_no_script_but_the_pages_own(page: httpx.Client) -> None:
    policy = page.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; connect-src 'self'; ")
    assert len(re.findall(r"(?:style|script)-src 'sha256-[\w+/]{43}='", policy)) == 2
    assert "unsafe" not in policy


def test_requests_of_the_page_are_not_taken_for_the_clients(
    page: httpx.Client, emulator: Emulator
) -> None:
    page.get("/")
    page.get("/page/runs.json")
    run(page, "rounds")
    assert [each.path for each in emulator.requests] == ["/workflows/run"]


def test_the_access_log_says_nothing_of_the_pages_polls() -> None:
    command = [sys.executable, "-m", "dify_workflow", "emulate"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as emulator:
        assert emulator.stdout is not None
        assert emulator.stderr is not None
        origin = emulator.stdout.readline().split("=")[1].strip().removesuffix("/v1")
        for path in ("/", "/page/apps.json", "/page/runs.json", "/v1/info"):
            httpx.get(f"{origin}{path}")
        emulator.terminate()
        logged = emulator.stderr.read()
    assert re.findall(r"GET (\S+) HTTP", logged) == ["/", "/v1/info"]


# ------------------------------------------------------------------------------------- the apps


def test_the_apps_are_shown_with_their_keys_and_inputs(page: httpx.Client) -> None:
    apps = page.get("/page/apps.json").json()["apps"]
    assert [app["key"] for app in apps] == [
        "app-needy", "app-rich", "app-rounds", "app-numbers", "app-asking", "app-endless",
    ]  # fmt: skip
    style = apps[0]["inputs"][1]
    assert style == {
        "name": "style",
        "type": "select",
        "label": "style",
        "required": True,
        "options": ["plain", "loud"],
        "default": None,
    }
    assert apps[1]["inputs"][4]["default"] == "as it is"


@pytest.mark.parametrize("name", ["needy", "rich"])
def test_the_lines_to_copy_run_their_app(page: httpx.Client, name: str) -> None:
    apps = {app["name"]: app for app in page.get("/page/apps.json").json()["apps"]}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", apps[name]["python"]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    command, url, _, key, _, kind, _, body = shlex.split(apps[name]["curl"].replace("\\\n", ""))
    assert command == "curl"
    headers = dict(header.split(": ") for header in (key, kind))
    answer = httpx.post(url, content=body, headers=headers).raise_for_status()
    assert answer.json()["data"]["status"] == "succeeded"


def test_other_workflows_are_served_from_one_moment_to_the_next(
    page: httpx.Client, emulator: Emulator
) -> None:
    before = emulator.workflows
    run_id = run(page, "rounds")
    emulator.serve(asking)
    try:
        assert [app["name"] for app in page.get("/page/apps.json").json()["apps"]] == ["asking"]
        assert emulator.client().info is not None
        assert of_run(page, run_id)["name"] == "rounds", "what has been stays"
        with pytest.raises(ValueError, match="same name: asking, asking"):
            emulator.serve(asking, asking)
    finally:
        emulator.serve(*before)


# ------------------------------------------------------------------------------------- the runs


def test_the_list_goes_through_all_runs_once_newest_first(
    page: httpx.Client, emulator: Emulator
) -> None:
    past = [PastRun(1_800_000_000 + number // 7) for number in range(120)]
    emulator.add_runs(past[:60], "needy")
    emulator.add_runs(past[60:], "rounds")
    seen: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    while True:
        data = page.get("/page/runs.json", params=before).raise_for_status().json()
        assert data["newer"] == len(seen)
        seen += data["runs"]
        if data["before"] is None:
            break
        before = {"before": data["before"]}
    assert sorted(each["id"] for each in seen) == sorted(each.id for each in past)
    assert [each["created"] for each in seen] == sorted(
        (each.created_at for each in past), reverse=True
    )
    assert data["counts"] == {"app-needy": 60, "app-rounds": 60}


def test_the_list_can_be_of_one_app(page: httpx.Client, emulator: Emulator) -> None:
    emulator.add_runs([PastRun(1.0, id="one")], "needy")
    emulator.add_runs([PastRun(2.0, id="two")], "rounds")
    data = page.get("/page/runs.json", params={"app": "app-needy"}).json()
    assert [each["id"] for each in data["runs"]] == ["one"]


def test_a_place_in_the_list_that_is_none_is_refused(page: httpx.Client) -> None:
    answer = page.get("/page/runs.json", params={"before": "yesterday"})
    assert answer.status_code == 400
    assert "yesterday" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/page/runs/none.json", "/page/runs/none/nodes/1.json"])
def test_what_is_not_there_is_not_found(page: httpx.Client, path: str) -> None:
    assert page.get(path).status_code == 404


# ------------------------------------------------------------------------------------ one run


def rows_of(page: httpx.Client, run_id: str) -> list[dict[str, Any]]:
    """The rows of the timeline of a run."""
    rows: list[dict[str, Any]] = of_run(page, run_id)["timeline"]["rows"]
    return rows


def node_of(page: httpx.Client, run_id: str, row: dict[str, Any]) -> dict[str, Any]:
    """What the node of a row took and gave."""
    answer = page.get(f"/page/runs/{run_id}/nodes/{row['node']}.json").raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def test_nodes_stand_in_their_round_of_what_they_stand_in(page: httpx.Client) -> None:
    run_id = run(page, "rounds")
    rows = rows_of(page, run_id)
    inner = ["    again", *(f"      Round {n}\n        inner" for n in (1, 2))]
    items = [
        f"  Item {n}\n    Fetch {letter}\n" + "\n".join(inner) for n, letter in enumerate("abc", 1)
    ]
    expected = "\n".join(["Start", "each", *items, "shaky", "End"])
    assert "\n".join("  " * row["depth"] + row["title"] for row in rows) == expected
    assert len({row["key"] for row in rows}) == len(rows)
    for row in rows:
        if row["node"] is None:
            assert row["title"].startswith(("Item ", "Round "))
        else:
            assert node_of(page, run_id, row)["id"] == row["key"]
    each = next(row for row in rows if row["title"] == "each")
    assert (each["size"], each["is_open"]) == (21, True)


def test_rounds_that_go_on_at_once_end_their_own_nodes(page: httpx.Client) -> None:
    run_id = run(page, "rounds")
    rows = rows_of(page, run_id)
    assert all(row["said"].startswith("succeeded, ") for row in rows)
    fetched = [row for row in rows if row["title"].startswith("Fetch ")]
    assert len(fetched) == 3
    for row in fetched:
        values = node_of(page, run_id, row)
        assert f"Fetch {values['outputs'][0]['text']}" == row["title"]
    items = [row for row in rows if row["title"].startswith("Item ")]
    assert all("at the same time as others" in row["said"] for row in items)


def test_a_node_says_when_its_attempts_failed_and_why(page: httpx.Client) -> None:
    run_id = run(page, "rounds")
    shaky = next(row for row in rows_of(page, run_id) if row["title"] == "shaky")
    assert "2 retries" in shaky["said"]
    assert shaky["svg"].count('class="attempt"') == 2
    values = node_of(page, run_id, shaky)
    assert [error for _, error in values["retries"]] == ["503 once more"] * 2
    times = [values["began"], *(at for at, _ in values["retries"])]
    assert times == sorted(times)


def test_the_timeline_of_a_run_is_drawn_as_reports_draw_it(
    page: httpx.Client, emulator: Emulator
) -> None:
    inputs = {"topic": "boxes", "style": "loud", "n": 1}
    with emulator.client("needy") as client, client.run_workflow_stream(inputs) as stream:
        report = RunReport.of(stream)
    rows = rows_of(page, str(stream.run_id))
    for row in rows:
        strip = ET.fromstring(row["svg"])
        assert strip.attrib["viewBox"] == "0 0 960 26"
    ours = [re.findall(r"<text[^>]*>([^<]*)<", row["svg"])[0] for row in rows]
    theirs = re.findall(r'class="strip".*?<text[^>]*>([^<]*)<', report.html())
    assert ours == theirs[1:]  # behind the axis


def test_values_come_as_they_are_whatever_they_are(page: httpx.Client) -> None:
    run_id = run(page, "numbers")
    outputs = {each["name"]: each for each in of_run(page, run_id)["outputs"]}
    assert outputs["large"] == {"name": "large", "is_text": False, "text": str(2**70)}
    assert outputs["text"] == {"name": "text", "is_text": True, "text": ""}
    assert json.loads(outputs["list"]["text"]) == [1, "é"]
    values = page.get(f"/page/runs/{run_id}/nodes/2.json").json()
    assert [each["text"] for each in values["outputs"]] == ["NaN", "\ud800"]


def test_a_run_that_waits_shows_its_form_and_goes_on(page: httpx.Client) -> None:
    run_id = run(page, "asking")
    paused = of_run(page, run_id)
    assert (paused["status"], paused["is_active"]) == ("paused", True)
    (form,) = paused["forms"]
    page.post(
        f"/v1/form/human_input/{form['form_token']}",
        json={"inputs": {"why": "because"}, "action": "submit", "user": "ann"},
        headers={"Authorization": "Bearer app-asking"},
    ).raise_for_status()
    ended = of_run(page, run_id)
    while ended["is_active"]:
        ended = of_run(page, run_id)
    assert (ended["status"], ended["forms"]) == ("succeeded", [])


def test_a_run_whose_worker_died_does_not_go_on(page: httpx.Client, emulator: Emulator) -> None:
    body = {"inputs": {}, "user": "ann", "response_mode": "streaming"}
    headers = {"Authorization": "Bearer app-endless"}
    with page.stream("POST", "/v1/workflows/run", json=body, headers=headers) as stream:
        next(line for line in stream.iter_lines() if "node_started" in line)
        (shown,) = page.get("/page/runs.json").json()["runs"]
        assert shown["is_active"]
        emulator.kill_workers()
        dead = of_run(page, shown["id"])
        assert not dead["is_active"]
        assert dead["timeline"]["rows"][-1]["said"].startswith("end not seen")
        assert not page.get("/page/runs.json").json()["runs"][0]["is_active"]
