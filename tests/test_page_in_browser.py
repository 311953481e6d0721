"""The emulator's page, in a browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from dify_workflow.emulator import (
    Emulator,
    FormAction,
    FormInput,
    Input,
    NodeError,
    PastRun,
    Steps,
    failing_node,
    human_input,
    iteration,
    llm,
    node,
    retrying_node,
    workflow,
)
from support.browser import chromium, console, is_light, preferring

pytestmark = pytest.mark.slow

T = TypeVar("T")

EVIL = "<script>document.title = 'evil'</script><img src=x onerror='document.title = 1'>"


@workflow(
    Input("topic", label="What about"), Input("style", "select", required=False, options=["a", "b"])
)
def story(inputs: dict[str, Any]) -> Steps:
    """Search and write."""
    yield from retrying_node("search", "503", retries=1, outputs={"hits": 3}, title="Search")

    def each(item: str, _index: int) -> Steps:
        yield from node("read", title=f"Read {item}", outputs={"length": 7})

    yield from iteration("sources", ["one", "two"], each, title="Sources")
    yield from llm("write", ["On ", inputs["topic"]], title="Write")
    return {"text": f"On {inputs['topic']}"}


@workflow(Input("text", "paragraph"))
def approval(inputs: dict[str, Any]) -> Steps:
    """Asks before it goes on."""
    answer = yield from human_input(
        "ask",
        f"Publish {inputs['text']}?",
        inputs=[FormInput("note")],
        actions=[FormAction("yes", "Publish")],
        title="Ask",
    )
    return {"note": answer.inputs["note"]}


@workflow(Input(EVIL, label=EVIL, max_length=200, options=[EVIL]), description=EVIL)
def evil(inputs: dict[str, Any]) -> Steps:
    try:
        yield from failing_node(EVIL, EVIL, title=EVIL)
    except NodeError:
        yield from node("next", title=EVIL, inputs={EVIL: inputs}, outputs={EVIL: EVIL})
    raise NodeError(EVIL)


@workflow()
def items(_inputs: dict[str, Any]) -> Steps:
    def each(item: str, _index: int) -> Steps:
        yield from node("inner", title=f"Inner {item}")

    for title, words in (("Few", "abc"), ("Many", "d")):
        yield from iteration(title, list(words), each, title=title)
    return {}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A Chromium without a window."""
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(story, approval, evil, items, linger=0) as running:
        yield running


class Page:
    """The page as a person sees it."""

    def __init__(self, browser: webdriver.Chrome, emulator: Emulator) -> None:
        self.browser = browser
        self.origin = emulator.base_url.removesuffix("v1")

    def open(self, place: str = "") -> None:
        self.browser.get("about:blank")  # a change of what stands behind # loads nothing
        self.browser.get(self.origin + place)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of what is shown, all at once, for elements may be replaced meanwhile."""
        script = """
            return [...document.querySelectorAll(arguments[0])]
                .filter((element) => element.checkVisibility())
                .map((element) => element.textContent);
        """
        found: list[str] = self.browser.execute_script(script, selector)
        return found

    def wait(self, condition: Callable[[], T]) -> T:
        """What a condition gives as soon as it holds."""
        return WebDriverWait(self.browser, 30, 0.02).until(lambda _: condition())

    def see(self, selector: str, text: str) -> None:
        """Wait until an element shows a text."""
        self.wait(lambda: any(text in each for each in self.texts(selector)))

    def click(self, selector: str, text: str = "") -> None:
        def found() -> list[WebElement]:
            return [
                each for each in self.all(selector) if text in str(each.get_property("textContent"))
            ]

        self.wait(found)[0].click()

    def errors(self) -> list[str]:
        """What the console has said since somebody asked last."""
        return console(self.browser)


@pytest.fixture
def page(browser: webdriver.Chrome, emulator: Emulator) -> Iterator[Page]:
    """The page of an emulator without runs."""
    emulator.reset()
    opened = Page(browser, emulator)
    opened.errors()
    yield opened
    browser.get("about:blank")


def run(emulator: Emulator, name: str, inputs: dict[str, Any]) -> str:
    with emulator.client(name) as client:
        return client.run_workflow(inputs).id


def test_a_run_just_made_is_on_the_page_with_its_timeline(page: Page, emulator: Emulator) -> None:
    page.open()
    page.see(".empty", "No runs yet")
    run_id = run(emulator, "story", {"topic": "boxes"})

    page.see(".runs tbody tr", run_id[:8])  # without a reload
    (row,) = page.texts(".runs tbody tr")
    assert "succeeded" in row or "partial-succeeded" in row
    assert page.texts("nav .name") == ["All apps", "story", "approval", "evil", "items"]
    assert "topic text-input" in page.texts("nav .takes")[0]
    assert "style? select" in page.texts("nav .takes")[0]

    page.click(".runs .row")
    page.see(".summary .id", run_id)
    titles = page.wait(lambda: page.texts(".rows .title"))
    assert titles == [
        *("Start", "Search", "Sources", "Item 1", "Read one", "Item 2", "Read two"),
        *("Write", "End"),
    ]
    assert "1 retry" in page.texts(".rows .small")[1]
    left = [each.location["x"] for each in page.all(".rows .disc")]
    assert left[4] == left[6] > left[3] > left[2] == left[1], "what is inside stands further right"

    page.click(".rows .row", "Read two")
    page.see(".detail", "length")
    assert page.texts(".detail dd") == ["7"]
    assert "boxes" in page.texts(".both")[-1]
    assert page.errors() == []


def test_the_page_follows_a_run_that_waits_for_a_person(page: Page, emulator: Emulator) -> None:
    with emulator.client("approval") as client:
        paused = client.run_workflow({"text": "it"})
        page.open(f"#run={paused.id}")
        page.see("h1", "paused")
        page.see(".form", "Publish it?")
        assert paused.paused is not None
        (form,) = paused.paused.forms
        assert form.token is not None
        assert form.token in page.texts(".form .id")
        assert "Ask" in page.texts(".rows .title")

        client.submit_human_input_form(form.token, "yes", {"note": "gladly"})
    page.see("h1", "succeeded")
    page.see(".both", "gladly")
    assert page.texts(".form") == []
    assert page.errors() == []


def test_markup_in_names_values_and_errors_is_text(page: Page, emulator: Emulator) -> None:
    run_id = run(emulator, "evil", {EVIL: EVIL})
    page.open("#app=app-evil")
    page.see(".inputs", EVIL)
    page.open(f"#run={run_id}")
    page.see(".summary .error", EVIL)
    for row in page.wait(lambda: page.all(".rows .row")):
        row.click()
    page.wait(lambda: len(page.texts(".detail .ids")) == len(page.texts(".rows .row")))
    assert page.texts(".rows .title")[1:] == [EVIL, EVIL]
    assert EVIL in page.texts(".detail .error")
    assert EVIL in page.texts(".detail dd")
    assert page.all("img") == []
    assert len(page.all("script")) == 1
    assert page.browser.title == "evil: failed · Dify emulator"
    assert page.errors() == []


def test_ten_thousand_runs_are_seen_page_by_page(page: Page, emulator: Emulator) -> None:
    now = time.time()
    emulator.add_runs(PastRun(now - number, user=f"u{number}") for number in range(10_000))
    page.open()
    page.see(".range", "1–50 of 10,000")
    page.click("main .head a", "Older")
    page.see(".range", "51–100 of 10,000")
    assert page.texts(".runs .user")[0] == "u50"
    page.click("main .head a", "Newest")
    page.see(".range", "1–50 of 10,000")
    assert len(page.texts(".runs tbody tr")) == 50


def test_a_run_of_two_thousand_nodes_is_shown_with_what_is_inside_closed(
    page: Page, emulator: Emulator
) -> None:
    run_id = run(emulator, "items", {})
    # No workflow may have so many, as of this version; a database of later ones may.
    store = emulator._store
    rows = store.all("SELECT data FROM nodes WHERE run_id = ? ORDER BY position", [run_id])
    (inner,) = (data for row in rows if (data := json.loads(row["data"]))["title"] == "Inner d")
    for index in range(len(rows), 2000):
        data = json.dumps({**inner, "id": str(index), "index": index + 1, "round": index})
        store.put("nodes", run_id=run_id, position=index + 1, data=data)

    page.open(f"#run={run_id}")
    page.see(".rows .small", "1,993 items")
    assert len(page.texts(".rows .title")) == 10
    few, many = (page.all(f".fold[aria-label$=' {name}']")[0] for name in ("Few", "Many"))
    assert few.get_attribute("aria-expanded") == "true"
    assert many.get_attribute("aria-expanded") == "false"
    many.send_keys(Keys.ENTER)
    page.wait(lambda: len(page.texts(".rows .title")) == 1993 + 10)  # its items are closed
    assert many.get_attribute("aria-expanded") == "true"
    page.all(".fold[aria-label$=' Item 1993']")[0].send_keys(Keys.ENTER)
    page.wait(lambda: len(page.texts(".rows .title")) == 1993 + 11)


def test_it_is_used_without_a_mouse(page: Page, emulator: Emulator) -> None:
    for topic in ("first", "second"):
        run(emulator, "story", {"topic": topic})
    page.open()
    rows = page.wait(lambda: page.all(".runs .row"))
    rows[0].send_keys(Keys.ARROW_DOWN)
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)
    page.see(".both", "first")
    row = page.wait(lambda: page.all(".rows .row"))[0]
    row.send_keys(Keys.ENTER)
    page.see(".detail .ids", "start")
    row.send_keys(Keys.ESCAPE)
    page.see("h2", "Its runs")


def test_it_asks_nothing_while_nobody_sees_it(page: Page, emulator: Emulator) -> None:
    page.open()
    page.see(".empty", "No runs yet")
    hide = "Object.defineProperty(document, 'hidden', {{get: () => {}, configurable: true}});"
    changed = "document.dispatchEvent(new Event('visibilitychange'));"
    count = "asked = 0; const get = fetch; fetch = (url) => { asked += 1; return get(url); };"
    page.browser.execute_script(hide.format("true") + changed + count)
    run(emulator, "story", {"topic": "boxes"})
    page.browser.execute_async_script("refresh().then(arguments[0])")  # as its clock does
    assert page.browser.execute_script("return asked") == 0
    page.browser.execute_script(hide.format("false") + changed)
    page.see(".runs tbody tr", "story")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_system_is(page: Page, scheme: str) -> None:
    with preferring(page.browser, scheme):
        page.open()
        assert is_light(page.browser) == (scheme == "light")


def test_it_waits_for_an_emulator_that_is_gone_and_shows_the_next(
    browser: webdriver.Chrome,
) -> None:
    with Emulator(story, linger=0) as first:
        run(first, "story", {"topic": "boxes"})
        page = Page(browser, first)
        page.open()
        page.see(".runs tbody tr", "story")
    page.see("#offline", "does not answer")
    assert page.texts(".runs tbody tr"), "what was seen stays"
    port = int(page.origin.rsplit(":", 1)[1].strip("/"))
    with Emulator(approval, linger=0, port=port):
        page.see("nav .name", "approval")
        page.see(".empty", "No runs yet")
        assert page.texts("#offline") == []
    page.errors()
    browser.get("about:blank")
