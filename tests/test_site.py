"""The documentation site: what is in it, and what a reader's browser makes of it."""

from __future__ import annotations

import fcntl
import functools
import http.server
import importlib
import os
import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from scripts.api._snapshot import PACKAGES
from support.browser import chromium, console
from support.spec import ROOT
from support.waiting import PATIENCE

BUILD = ["-m", "mkdocs", "build", "--strict", "--site-dir"]  # --quiet would count no warning


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it: a broken link, or a page that is nowhere, is an error."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker builds it for all
        if not (shared / "site").exists():
            command = [sys.executable, *BUILD, str(shared / "unfinished")]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            (shared / "unfinished").rename(shared / "site")
    return shared / "site"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The address of the site, on a server that knows nothing but files."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def documented(site: Path) -> set[str]:
    """The names in the site's inventory (the format of Sphinx)."""
    *_, names = (site / "objects.inv").read_bytes().split(b"\n", 4)
    return {line.split()[0] for line in zlib.decompress(names).decode().splitlines()}


@pytest.mark.parametrize(
    "name",
    [
        *("dify_workflow" + suffix for suffix in PACKAGES["dify_workflow"]),
        "dify_workflow_api",
        "dify_workflow_api.models",
    ],
)
def test_each_public_name_is_in_the_reference(site: Path, name: str) -> None:
    public = importlib.import_module(name).__all__
    names = {f"{name}.{each}" for each in public if each != "__version__"}
    assert names
    assert names - documented(site) == set()


def test_each_endpoint_and_fixture_is_in_the_reference(site: Path) -> None:
    api = ROOT / "generated" / "dify_workflow_api" / "api"
    modules = [path for path in api.glob("*/*.py") if path.stem != "__init__"]
    assert modules
    names = {f"dify_workflow_api.api.{path.parent.name}.{path.stem}.sync" for path in modules}
    names |= {"dify_workflow_pytest.dify_emulator", "dify_workflow_pytest.dify_workflow"}
    assert {name for name in names if not name.endswith("preview_file.sync")} <= documented(site)


class _Page(HTMLParser):
    """What a page loads from elsewhere, where it leads to, and where one can lead to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.foreign: list[str] = []
        self.links: set[str] = set()
        self.places = {""}
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places.add(given.get("id") or "")
        if tag == "a" and not re.match(r"\w+:", given.get("href") or ""):
            self.links.add(given.get("href") or "")
        loads = given.get("rel") not in {"canonical", None} if tag == "link" else tag != "a"
        for name in ("src", "href", "srcset", "poster"):
            if loads and re.match(r"(https?:)?//", given.get(name) or ""):
                self.foreign.append(f"<{tag} {name}={given[name]}>")


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, _Page]:
    """The pages of the site by their paths."""
    found = {path: _Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(found) > 20
    return found


def test_each_link_leads_to_a_page_and_a_place_in_it(pages: dict[Path, _Page]) -> None:
    for page in pages.values():
        assert "][dify_workflow" not in page.text, f"{page.path.name} has a link that is none"
        for link in page.links:
            name, _, place = link.partition("#")
            target = (page.path.parent / name).resolve() if name else page.path
            assert target.exists(), f"{page.path.name}: {link}"
            if target in pages:
                assert place in pages[target].places, f"{page.path.name}: {link}"


def test_no_page_loads_anything_from_elsewhere(site: Path, pages: dict[Path, _Page]) -> None:
    for page in pages.values():
        assert page.foreign == [], page.path
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


@pytest.mark.parametrize("page", ["index.html", "tutorial.html", "reference/events.html"])
def test_a_page_renders_without_a_word_on_the_console_and_from_here_alone(
    browser: webdriver.Chrome, address: str, page: str
) -> None:
    console(browser)
    browser.get(f"{address}/{page}")
    WebDriverWait(browser, PATIENCE, 0.02).until(
        lambda _: browser.execute_script("return document.readyState") == "complete"
    )
    assert browser.find_element(By.TAG_NAME, "h1").is_displayed()
    assert browser.find_elements(By.CSS_SELECTOR, "nav.md-nav--primary a[href$='tutorial.html']")
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    loaded = browser.execute_script(script)
    assert loaded
    assert [name for name in loaded if not name.startswith(address)] == []
    assert console(browser) == []


def test_the_table_of_what_can_go_wrong_is_readable_at_390_pixels(
    browser: webdriver.Chrome, address: str
) -> None:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get(f"{address}/reliability.html")
        script = """
            return [...document.querySelectorAll('#what-can-go-wrong ~ * td')]
                .map((cell) => [cell.clientWidth, document.documentElement.scrollWidth]);
        """
        cells = browser.execute_script(script)
        assert len(cells) > 60
        # Two columns, or one for the name of a test: 20 letters or more stand in a line.
        assert min(width for width, _ in cells) >= 150
        assert {page for _, page in cells} == {390}
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def found_by_search(browser: webdriver.Chrome, address: str, words: str) -> list[str]:
    """The links that the site's search shows, the best first."""
    browser.get(f"{address}/index.html")
    field = browser.find_element(By.CSS_SELECTOR, "input.md-search__input")
    browser.execute_script("document.querySelector('#__search').checked = true")
    WebDriverWait(browser, PATIENCE, 0.02).until(lambda _: field.is_displayed())
    field.send_keys(words)
    found = WebDriverWait(browser, PATIENCE, 0.02).until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, ".md-search-result__link")
    )
    return [str(link.get_attribute("href")) for link in found]


def test_search_finds_text_chunk(browser: webdriver.Chrome, address: str) -> None:
    links = found_by_search(browser, address, "TextChunk")
    assert any("reference/events.html" in link for link in links)
    assert console(browser) == []


@pytest.mark.parametrize("words", ["stop a run", "Stop run"])
def test_search_finds_the_page_on_stopping_first(
    words: str, browser: webdriver.Chrome, address: str
) -> None:
    first, *_ = found_by_search(browser, address, words)
    assert "/stop.html" in first
