"""What is in the sdist and the wheel that `make build` has left in dist/."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from dify_workflow import __version__
from support.spec import ROOT

WHEEL = ROOT / "dist" / f"dify_workflow-{__version__}-py3-none-any.whl"
SDIST = ROOT / "dist" / f"dify_workflow-{__version__}.tar.gz"
SBOM = ROOT / "build" / f"dify_workflow-{__version__}.cdx.json"
PACKAGES = {"dify_workflow", "dify_workflow_api", "dify_workflow_pytest"}
INFO = f"dify_workflow-{__version__}.dist-info"


def test_there_is_one_sdist_and_one_wheel_of_this_version() -> None:
    assert {WHEEL, SDIST} == set((ROOT / "dist").iterdir())


def test_the_wheel_has_typed_packages_the_licence_and_nothing_else() -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        files = set(wheel.namelist())
        licence = wheel.read(f"{INFO}/licenses/LICENSE")
    assert {name.partition("/")[0] for name in files} == {*PACKAGES, INFO}
    assert {f"{package}/py.typed" for package in PACKAGES} <= files
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert not [name for name in files if "tests" in name or "/test_" in name]
    code = {name for name in files if not name.startswith(INFO)}
    kinds = {Path(name).suffix for name in code if not name.endswith("/py.typed")}
    assert kinds == {".py", ".html", ".css", ".js"}


def test_the_sdist_has_what_it_takes_to_build_and_no_tests() -> None:
    with tarfile.open(SDIST) as sdist:
        tops = {Path(member.name).parts[1] for member in sdist if member.isfile()}
    made = {"PKG-INFO", ".gitignore"}
    assert tops - made == {
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "generated",
        "generator-config.yml",
        "openapi.yaml",
        "overlay",
        "pyproject.toml",
    }


def test_its_metadata_says_what_it_is() -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        says = email.message_from_bytes(wheel.read(f"{INFO}/METADATA"))
    assert (says["Name"], says["Version"]) == ("dify-workflow", __version__)
    assert (says["License-Expression"], says["Requires-Python"]) == ("Apache-2.0", ">=3.11")
    extras = {
        "aiohttp",
        "batch",
        "cli",
        "cluster",
        "emulator",
        "excel",
        "otel",
        "parquet",
        "profiles",
        "types",
    }
    assert set(says.get_all("Provides-Extra") or ()) == extras


@pytest.mark.parametrize("source", ["checkout", "sdist"])
def test_a_second_build_gives_the_same_bytes(source: str, tmp_path: Path) -> None:
    """Elsewhere, with other permissions, on another day: whoever rebuilds a release can compare."""
    folder = tmp_path / "elsewhere"
    if source == "sdist":
        with tarfile.open(SDIST) as sdist:
            sdist.extractall(folder, filter="data")
        (folder,) = folder.iterdir()
    else:
        committed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        named = subprocess.run(committed, cwd=ROOT, check=True, capture_output=True, text=True)
        for name in filter(None, named.stdout.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
            (folder / name).chmod(0o600)
    os.utime(folder / "pyproject.toml", (0, 10**9))
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist")]
    without_date = {name: v for name, v in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run([*build, str(folder)], check=True, capture_output=True, env=without_date)
    for built in (WHEEL, SDIST):
        assert (tmp_path / "dist" / built.name).read_bytes() == built.read_bytes(), built.name


def test_the_bill_of_materials_names_all_that_is_installed_and_nothing_of_this_machine() -> None:
    text = SBOM.read_text(encoding="utf-8")
    bill = json.loads(text)
    pinned = (ROOT / "requirements" / "highest.txt").read_text(encoding="utf-8")
    pins = re.sub(r"\[.*?\]", "", pinned).splitlines()  # an extra is no package
    versions = {
        part["name"].lower().replace("_", "-"): part["version"] for part in bill["components"]
    }
    subject = bill["metadata"]["component"]
    assert (subject["name"], subject.get("version")) == ("dify-workflow", __version__)
    assert {"attrs", "httpx", "orjson", "pyarrow", "typer"} <= versions.keys()
    for name, version in versions.items():
        assert name == "dify-workflow" or any(pin.startswith(f"{name}=={version}") for pin in pins)
    assert str(ROOT) not in text
    assert "serialNumber" not in bill, "it differs each time"
