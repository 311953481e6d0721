"""Every example runs as its README says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from dify_workflow.emulator import Emulator, PastRun
from support.browser import chromium, console
from support.spec import ROOT
from support.terminal import python as interpreter
from support.terminal import terminal
from support.waiting import PATIENCE, wait_until

EXAMPLES = ROOT / "examples"
PROGRAMS = sorted(path for path in EXAMPLES.rglob("*.*") if path.suffix in {".py", ".html"})
MOST_LINES = 60
EVIL = "<img src=x onerror='document.title = 1'>"


def environment(emulator: Emulator, app: str) -> dict[str, str]:
    names = {"DIFY_BASE_URL": emulator.base_url, "DIFY_API_KEY": f"app-{app}"}
    return {**os.environ, **names, "PYTHONUNBUFFERED": "1"}


def python(emulator: Emulator, app: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment(emulator, app),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_each_is_under_sixty_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < MOST_LINES


def test_each_stands_in_the_readme() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        if path.name not in {"README.md", "__pycache__"} and not path.name.startswith("."):
            assert f"]({path.name})" in text


# ---------------------------------------------------------------------------------------- relay


@pytest.fixture(scope="module")
def relay(emulator: Emulator) -> Iterator[str]:
    """The address of the relay, which is a process of its own."""
    command = ["-m", "uvicorn", "--app-dir", str(EXAMPLES / "relay"), "app:app", "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, *command],
        env=environment(emulator, "story"),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"running on (http://\S+)", line):
                yield found[1]
                break
        else:
            pytest.fail("the relay did not start")
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def run_in(browser: webdriver.Chrome, relay: str, topic: str) -> Callable[[str], str]:
    """Start a run with the page; gives what shows the text of an element."""
    browser.get(relay)
    field = browser.find_element(By.NAME, "topic")
    field.clear()
    field.send_keys(topic)
    browser.find_element(By.TAG_NAME, "button").click()
    return lambda name: str(browser.find_element(By.ID, name).text)


@pytest.mark.slow
def test_the_page_shows_nodes_and_text_while_the_run_goes_on(
    browser: webdriver.Chrome, relay: str
) -> None:
    shown = run_in(browser, relay, "boxes")
    wait = WebDriverWait(browser, PATIENCE, 0.02)
    wait.until(lambda _: shown("text").startswith("On boxes:"))
    assert shown("end") == "", "the text came before the end"
    assert "Write" in shown("nodes")
    wait.until(lambda _: shown("end"))
    assert shown("end") == "succeeded"
    assert shown("text").endswith("when you are done.")
    lines = browser.find_elements(By.CSS_SELECTOR, "#nodes li.succeeded")
    assert [line.text for line in lines] == ["Start", "Search", "Write", "Check", "End"]
    assert console(browser) == []


@pytest.mark.slow
def test_markup_in_a_topic_is_text_in_the_page(browser: webdriver.Chrome, relay: str) -> None:
    shown = run_in(browser, relay, EVIL)
    WebDriverWait(browser, PATIENCE, 0.02).until(lambda _: shown("end"))
    assert EVIL in shown("text")
    assert browser.title == "A run, live"
    assert console(browser) == []


@pytest.mark.slow
def test_the_page_says_so_where_the_server_refuses(
    browser: webdriver.Chrome, relay: str, emulator: Emulator
) -> None:
    emulator.faults.answer(403, on="POST /workflows/run")
    shown = run_in(browser, relay, "boxes")
    WebDriverWait(browser, PATIENCE, 0.02).until(lambda _: shown("end"))
    assert shown("end") == "failed: The workflow server cannot be reached now."


@pytest.mark.slow
def test_a_run_goes_on_when_its_browser_leaves(
    browser: webdriver.Chrome, relay: str, emulator: Emulator
) -> None:
    shown = run_in(browser, relay, "left behind")
    WebDriverWait(browser, PATIENCE, 0.02).until(lambda _: shown("text"))
    browser.get("about:blank")
    with emulator.client("story") as client:
        wait_until(lambda: [row.status for row in client.iter_logs(limit=1)] == ["succeeded"])


@pytest.mark.slow
def test_the_relay_carries_a_hundred_streams_at_once(
    relay: str, record_property: Callable[[str, object], None]
) -> None:
    script = str(EXAMPLES / "relay" / "load.py")
    done = subprocess.run(
        [sys.executable, script, relay], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("100 of 100 runs succeeded"), done.stdout + done.stderr
    record_property("summary", f"the relay: {' '.join(done.stdout.split())}")


# ------------------------------------------------------------------------------ the other ones


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import nbformat  # noqa: PLC0415  # of the examples alone
    from nbclient import NotebookClient  # noqa: PLC0415  # likewise

    for name in ("DIFY_BASE_URL", "DIFY_API_KEY"):
        monkeypatch.setenv(name, environment(emulator, "story")[name])
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(EXAMPLES / "explore.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(len(cell.source.splitlines()) for cell in code) < MOST_LINES
    assert not any(cell.outputs for cell in code), "what it printed is not committed"
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3").execute()
    printed = json.dumps([cell.outputs for cell in code])
    for text in ("'succeeded'", "when you are done.", "| Write | succeeded |", "Counter("):
        assert text in printed


def test_a_person_approves_in_a_terminal(emulator: Emulator) -> None:
    arguments = [str(EXAMPLES / "approve.py"), "topic=boxes"]
    with terminal(interpreter(arguments, environment(emulator, "approval"))) as person:
        person.see("We should buy more boxes.", "comment [none]:")
        person.type("Gladly\r")
        person.see("2. Reject", "Your choice:")
        person.type("3\r")
        # Before it asks, readline may lose what is typed.
        person.see("Your choice: 3\nYour choice:")
        person.type("1\r")
        person.see("decision: approve", "comment: Gladly")
        assert person.end() == 0


def test_the_approval_says_what_is_wrong_with_its_inputs(emulator: Emulator) -> None:
    done = python(emulator, "approval", str(EXAMPLES / "approve.py"))
    assert done.returncode == 1
    assert "topic is required" in done.stderr


def test_the_nightly_job_tells_failures_by_how_often_they_came() -> None:
    now = time.time()
    kinds = [("503 from the shop\nTraceback", 3), ("out of tokens", 5)]
    with Emulator() as emulator:
        for reason, count in kinds:
            runs = [PastRun(now - 60, status="failed", error=reason) for _ in range(count)]
            emulator.add_runs(runs, "failing")
        emulator.add_runs([PastRun(now - 90_000, status="failed", error="too old")], "failing")
        emulator.add_runs([PastRun(now - 60)], "failing")
        done = python(emulator, "failing", str(EXAMPLES / "nightly_failures.py"))
        quiet = python(emulator, "echo", str(EXAMPLES / "nightly_failures.py"))
    assert done.returncode == 1, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first.startswith("8 failed runs since")
    assert [line.strip() for line in lines[::2]] == ["5 × out of tokens", "3 × 503 from the shop"]
    assert (quiet.returncode, quiet.stdout[:13]) == (0, "0 failed runs"), quiet.stderr


@pytest.mark.slow
def test_the_suite_passes_as_a_user_would_run_it(tmp_path: Path) -> None:
    command = ["-m", "pytest", "-q", "-Werror", "-pdify_workflow_pytest", "-pno:cacheprovider"]
    done = subprocess.run(
        [sys.executable, *command, "--rootdir", str(tmp_path), "-c", os.devnull],
        cwd=EXAMPLES / "pytest_suite",
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout
