"""A Chromium without a window, for what only a browser can show."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

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


def chromium(profile: Path) -> webdriver.Chrome:
    """Start a Chromium; a context manager. Skips the test where there is none.

    Args:
        profile: Folder for what it remembers.
    """
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
    return webdriver.Chrome(options, webdriver.ChromeService(DRIVER))


def complaints(browser: webdriver.Chrome) -> list[str]:
    """What the console has said since somebody asked last."""
    return [entry["message"] for entry in browser.get_log("browser")]
