"""The report of a run, in a browser."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from dify_workflow.report import RunReport
from support.browser import chromium, console, is_light, preferring
from support.run_events import (
    Event,
    begins,
    ends,
    event,
    everywhere,
    finished,
    gap,
    of_many,
    started,
)

pytestmark = pytest.mark.slow

EVIL = "</pre></style></title><script>document.title='evil'</script><img src=x onerror=evil()>"
TEN_THOUSAND = 10_000
SECONDS = 2.0

Open = Callable[[list[Event]], RunReport]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A Chromium without a window."""
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def opened(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Open]:
    """Opens the report of events from its file; the console stays empty meanwhile."""

    def show(events: list[Event]) -> RunReport:
        report = RunReport.of(events)
        browser.get(report.save(tmp_path / "run.html").as_uri())
        return report

    console(browser)
    yield show
    assert console(browser) == []
    browser.get("about:blank")


def shown(browser: webdriver.Chrome, selector: str) -> list[str]:
    """The texts of what can be seen."""
    script = """
        return [...document.querySelectorAll(arguments[0])]
            .filter((element) => element.checkVisibility({contentVisibilityAuto: false}))
            .map((element) => element.textContent);
    """
    found: list[str] = browser.execute_script(script, selector)
    return found


def test_values_are_seen_when_a_row_is_opened_with_the_keyboard(
    browser: webdriver.Chrome, opened: Open
) -> None:
    opened([started(), begins("a"), ends("a", outputs={"found": "treasure"}), gap(), finished()])
    assert "treasure" not in shown(browser, ".rows pre")
    row = browser.find_element(By.CSS_SELECTOR, ".rows summary")
    while browser.switch_to.active_element != row:
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
    row.send_keys(Keys.ENTER)
    assert shown(browser, ".rows pre") == ["treasure"]
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert "stream lost" in shown(browser, ".plot > .strip .is-gap")[0]


def test_bars_stand_where_their_times_are(browser: webdriver.Chrome, opened: Open) -> None:
    steps = [begins("a"), ends("a", 1, 1.0), begins("b", 1), ends("b", 4, 3.0)]
    opened([started(), *steps, finished(4)])
    a, b = browser.find_elements(By.CSS_SELECTOR, ".rows .bar")
    assert b.rect["width"] == pytest.approx(3 * a.rect["width"], rel=0.02)
    assert b.rect["x"] == pytest.approx(a.rect["x"] + a.rect["width"], abs=2)
    assert shown(browser, ".rows .small") == ["1.00 s", "3.00 s"]


def test_only_what_failed_is_left_on_request(browser: webdriver.Chrome, opened: Open) -> None:
    nodes = [each for name in "abcdefghi" for each in (begins(name), ends(name))]
    failed = [begins("z"), ends("z", status="failed", error="no")]
    opened([started(), *nodes, *failed, finished()])
    assert len(shown(browser, ".rows .title")) == 10
    assert "1 failed" in shown(browser, ".legend li")
    browser.find_element(By.ID, "problems").send_keys(Keys.SPACE)
    assert shown(browser, ".rows .title") == ["Z"]


def test_markup_in_any_field_is_text(browser: webdriver.Chrome, opened: Open) -> None:
    report = opened(list(everywhere(EVIL)))
    browser.execute_script("document.querySelectorAll('details').forEach((each) => each.open = 1)")
    assert browser.find_elements(By.CSS_SELECTOR, "script, img, a, iframe") == []
    assert browser.title.startswith("Run ")
    assert EVIL in shown(browser, ".rows .title")
    browser.get("about:blank")
    browser.execute_script("document.body.innerHTML = arguments[0]", report._repr_html_())
    assert browser.title == ""
    assert browser.find_elements(By.CSS_SELECTOR, "body > *:not(iframe)") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_system_is(
    scheme: str, browser: webdriver.Chrome, opened: Open
) -> None:
    with preferring(browser, scheme):
        opened([started(), begins("a"), ends("a"), finished()])
        assert is_light(browser) == (scheme == "light")


def test_nothing_stands_beyond_the_edge_of_a_narrow_window(
    browser: webdriver.Chrome, opened: Open
) -> None:
    size = browser.get_window_size()
    browser.set_window_size(500, 900)
    try:
        long = {"title": "A node with a very long title " * 5, "node_type": "http-request"}
        retry = event("node_retry", {"id": "a-1", "node_id": "a", "error": "x"})
        failed = ends("a", status="failed", outputs={"k": "x" * 500})
        opened([started(), begins("a", **long), retry, failed, finished(status="failed")])
        browser.execute_script("document.querySelectorAll('details').forEach((e) => e.open = 1)")
        script = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
        wide, room = browser.execute_script(script)
        assert wide <= room
    finally:
        browser.set_window_size(size["width"], size["height"])


@pytest.mark.parametrize(
    "waits", [[], [(4, 450)], [(4156, 1_175_387), (1_175_413, 1_183_890)]], ids=len
)
def test_labels_of_the_axis_do_not_overlap_at_390_pixels(
    waits: list[tuple[int, int]], browser: webdriver.Chrome, opened: Open
) -> None:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        end = waits[-1][1] + 3870 if waits else 9
        steps = [begins("a"), ends("a", 4, 4.0)]
        for begin, until in waits:
            required = event("human_input_required", {"form_id": f"{begin}"}, created_at=begin)
            paused = event("workflow_paused", {"reasons": []}, created_at=begin)
            steps += [begins(f"n{begin}", begin), required, paused, started(until)]
            steps += [ends(f"n{begin}", until, 1.0)]
        opened([started(), *steps, begins("b", end), ends("b", end), finished(end)])
        script = """
            return [...document.querySelectorAll('.axis text')].map((text) => {
                const {left, right} = text.getBoundingClientRect();
                return [left, right, text.textContent];
            });
        """
        labels = sorted(browser.execute_script(script))
        assert len(labels) > 3
        assert any("min" in text for *_, text in labels) == bool(waits)
        for (_, right, _), (left, _, _) in itertools.pairwise(labels):
            assert left > right + 1, labels
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_ten_thousand_events_are_drawn_in_two_seconds(
    browser: webdriver.Chrome, opened: Open, record_property: Callable[[str, object], None]
) -> None:
    # By the clock of the browser's thread, which others that use the machine do not slow down.
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    opened(list(of_many(TEN_THOUSAND)))
    script = "const [done] = arguments; requestAnimationFrame(() => requestAnimationFrame(done))"
    browser.execute_async_script(script)
    found = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    browser.execute_cdp_cmd("Performance.disable", {})
    seconds = next(each["value"] for each in found if each["name"] == "TaskDuration")
    record_property("summary", f"A report of 10,000 events was drawn in {seconds:.2f} s.")
    assert browser.execute_script("return document.querySelectorAll('.row').length") == 4999
    assert "4,999 succeeded" in shown(browser, ".legend li")
    browser.execute_script("document.querySelector('.rows').lastElementChild.scrollIntoView(false)")
    assert "N4998" in shown(browser, ".rows .title")
    assert seconds < SECONDS
