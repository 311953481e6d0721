"""Debian's Chromium, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--window-size=1280,900",
]


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser with a profile of its own; the test is skipped where there is none."""
    if CHROMIUM is None or DRIVER is None:
        reason = "there is no Chromium here: apt-get install chromium chromium-driver"
        if os.environ.get("NEEDS_CHROMIUM"):  # .ci/run says so
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(DRIVER)) as driver:
        yield driver


@contextmanager
def preferring(browser: webdriver.Chrome, scheme: str) -> Iterator[None]:
    """The browser as a system that is ``"light"`` or ``"dark"`` has it."""
    preference = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def is_light(browser: webdriver.Chrome) -> bool:
    """Whether the page is."""
    script = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    colour: Any = browser.execute_script(script)
    return sum(colour) > 382


def console(browser: webdriver.Chrome) -> list[str]:
    """What the console has said since somebody asked last."""
    return [entry["message"] for entry in browser.get_log("browser")]
