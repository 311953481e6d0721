"""The public API of both packages is written down, and a release explains what changed in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

import dify_workflow
from scripts.api._changes import Change, changes, report
from scripts.api._release import demanded, misfits, problems
from scripts.api._snapshot import PACKAGES, Snapshot, as_text, from_text, snapshot
from support.spec import ROOT

FOLDER = ROOT / "tests" / "public_api"


def written(package: str) -> Snapshot:
    return from_text((FOLDER / f"{package}.txt").read_text(encoding="utf-8"))


# ------------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("package", PACKAGES)
def test_the_public_api_is_as_it_is_written_down(package: str) -> None:
    found = changes(written(package), snapshot(package, [ROOT / "overlay", ROOT / "generated"]))
    assert not found, f"{report(found)}\nIf that is meant: `make api`, and say it in CHANGELOG.md."


def test_every_public_name_is_there() -> None:
    facts = written("dify_workflow")
    assert {f"dify_workflow.{name}" for name in dify_workflow.__all__} <= facts.keys()


def test_it_has_parameters_defaults_results_and_members_of_private_bases() -> None:
    facts = written("dify_workflow")
    method = "dify_workflow.DifyWorkflow.info"
    assert facts[method] == "function"
    assert facts[f"{method}(workflow_run_id)"] == "positional or keyword 1, str"
    assert facts[f"{method}()"] == "WorkflowRunResponse"
    assert facts["dify_workflow.AsyncDifyWorkflow.info"] == "async function"
    assert facts["dify_workflow.DifyWorkflow(max_retries)"] == "keyword-only, int = 2"
    assert facts["dify_workflow.DifyWorkflow.server_version"] == "property str | None"
    assert facts["dify_workflow.WorkflowRunResponse.task_id"] == "str | None = None"
    low = written("dify_workflow_api")
    assert low["dify_workflow_api.models.AppInfo.mode"] == "None | str"
    assert low["dify_workflow_api.models.RunStatus"].startswith("Literal['failed', ")


def test_nothing_private_is_written_down() -> None:
    facts = [item for package in PACKAGES for item in written(package).items()]
    names = [part for place, _ in facts for part in place.split(".")]
    assert not [name for name in names if name.startswith("_") and not name.startswith("__")]
    assert not [fact for _, fact in facts if re.match(r"class\(.*\b_", fact)]


def test_what_every_object_has_is_not_written_down() -> None:
    facts = written("dify_workflow")
    assert "dify_workflow.DifyWorkflow.__enter__" in facts
    assert "dify_workflow.DifyWorkflow.__repr__" not in facts


# -------------------------------------------------------------------------------- what has changed

BEFORE = {
    "p.C": "class()",
    "p.C.m": "function",
    "p.C.m()": "str",
    "p.C.m(a)": "positional or keyword 1, int",
    "p.C.m(b)": "keyword-only, int = 1",
    "p.C.field": "str",
    "p.Status": "Literal['failed', 'running'] | str",
    "p.RunBody": "class()",
    "p.RunBody.user": "str",
}


@pytest.mark.parametrize(
    ("change", "place", "is_breaking"),
    [
        ({"p.C.m(c)": "keyword-only, int = 2"}, "p.C.m(c)", False),
        ({"p.C.m(c)": "keyword-only, int"}, "p.C.m(c)", True),
        ({"p.C.m(rest)": "variadic keyword, Any"}, "p.C.m(rest)", False),
        ({"p.C.m(b)": None}, "p.C.m(b)", True),
        ({"p.C.m(b)": "keyword-only, int = 2"}, "p.C.m(b)", True),
        ({"p.C.m()": "str | None"}, "p.C.m()", True),
        ({"p.C.n": "function", "p.C.n(x)": "positional or keyword 1, int"}, "p.C.n", False),
        ({"p.C.field": "str | None"}, "p.C.field", True),
        ({"p.C.new": "str"}, "p.C.new", False),
        ({"p.D": "class()", "p.D(a)": "keyword-only, int"}, "p.D", False),
        ({"p.RunBody.files": "list[str]"}, "p.RunBody.files", True),
        ({"p.RunBody.files": "list[str] | Unset = UNSET"}, "p.RunBody.files", False),
        ({"p.Status": "Literal['failed', 'paused', 'running'] | str"}, "p.Status", False),
        ({"p.Status": "Literal['failed', 'paused'] | str"}, "p.Status", True),
        ({"p.Status": "Literal['failed', 'paused', 'running']"}, "p.Status", True),
    ],
)
def test_what_breaks_users_is_told_from_what_does_not(
    change: dict[str, str | None], place: str, is_breaking: bool
) -> None:
    after = {key: fact for key, fact in {**BEFORE, **change}.items() if fact is not None}
    (one,) = changes(BEFORE, after)
    assert (one.place, one.is_breaking) == (place, is_breaking)


def test_of_a_class_that_is_gone_only_the_class_is_reported() -> None:
    after = {place: fact for place, fact in BEFORE.items() if not place.startswith("p.C")}
    (one,) = changes(BEFORE, after)
    assert str(one) == "gone     p.C: class()"


def test_a_constructor_that_is_now_written_out_is_no_change() -> None:
    assert changes(BEFORE, {**BEFORE, "p.C(field)": "positional or keyword 1, str"}) == []


def test_the_text_of_a_snapshot_can_be_read_again() -> None:
    assert from_text(as_text(BEFORE)) == BEFORE


def test_the_report_has_what_breaks_first() -> None:
    found = changes(BEFORE, {**BEFORE, "p.C.new": "str", "p.C.field": "int"})
    assert report(found) == (
        "Breaking (1)\n  changed  p.C.field: str → int\n\nCompatible (1)\n  new      p.C.new: str"
    )
    assert report([]) == "Nothing has changed for users."


# ------------------------------------------------------------------------------------- releases

NEW = Change("dify_workflow.DifyWorkflow.pause", None, "function")
GONE = Change("dify_workflow.DifyWorkflow.meta", "function", None)


@pytest.mark.parametrize(
    ("released", "found", "least"),
    [
        ("1.2.3", [], "1.2.4"),
        ("1.2.3", [NEW], "1.3.0"),
        ("1.2.3", [NEW, GONE], "2.0.0"),
        ("0.4.1", [NEW], "0.4.2"),
        ("0.4.1", [GONE], "0.5.0"),
    ],
)
def test_changes_demand_a_version(released: str, found: list[Change], least: str) -> None:
    assert demanded(Version(released), found) == Version(least)


CHANGES = (
    "# Changes\n\n## 1.3.0 (2026-12-01)\n\n- `pause` pauses.\n\n## 1.2.3\n\n- `meta` is new.\n"
)


@pytest.mark.parametrize(
    ("version", "found", "expected"),
    [
        ("1.3.0", [NEW], []),
        ("1.2.4", [NEW], ["The version must be 1.3.0 or higher", "no section for 1.2.4"]),
        ("1.3.0", [NEW, GONE], ["The version must be 2.0.0", "changed in DifyWorkflow.meta"]),
        ("1.2.4", [], []),
    ],
)
def test_a_release_needs_its_version_and_its_words(
    version: str, found: list[Change], expected: list[str]
) -> None:
    wrong = list(problems(Version("1.2.3"), Version(version), found, CHANGES))
    assert len(wrong) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, wrong, strict=True)), wrong


def test_what_is_added_to_the_low_level_client_needs_no_words_and_what_breaks_there_does() -> None:
    place = "dify_workflow_api.models.AppInfo.icon"
    added, gone = Change(place, None, "str"), Change(place, "str", None)
    version = Version("2.0.0")
    section = "## 2.0.0\n\nNothing.\n"
    assert list(problems(Version("1.0.0"), version, [added], section)) == []
    (wrong,) = problems(Version("1.0.0"), version, [gone], section)
    assert wrong == "CHANGELOG.md does not say what has changed in AppInfo.icon."


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("dify_workflow.DifyWorkflow(timeout)", "DifyWorkflow"),
        ("dify_workflow.DifyWorkflow.info(timeout)", "DifyWorkflow.info"),
        ("dify_workflow.emulator.Emulator.url", "Emulator.url"),
        ("dify_workflow_api.api.app.get_app_info.sync()", "get_app_info"),
    ],
)
def test_a_change_has_the_name_that_people_know(place: str, name: str) -> None:
    assert Change(place, None, "x").name == name


@pytest.mark.parametrize(
    ("tag", "changelog", "expected"),
    [
        ("v1.3.0", "# Changes\n\n## 1.3.0 (2026-11-22)\n", []),
        ("v1.3", "## 1.3.0 (2026-11-22)\n", ["the tag must be v1.3.0"]),
        ("v1.3.0rc1", "## 1.3.0 (2026-11-22)\n", ["the tag must be v1.3.0"]),
        ("v1.3.0", "## 1.3.0 (not released yet)\n", ["must begin with 1.3.0 and its date"]),
        ("v1.3.0", "## 1.4.0 (2026-11-23)\n\n## 1.3.0 (2026-11-22)\n", ["must begin with 1.3.0"]),
        ("v2.0.0", "", ["the tag must be v1.3.0", "must begin with 1.3.0"]),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(tag: str, changelog: str, expected: list[str]) -> None:
    wrong = list(misfits(tag, Version("1.3.0"), changelog))
    assert len(wrong) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, wrong, strict=True)), wrong


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def check_release(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.api", "--release", "--root", str(folder), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_last_release_is_the_one_to_compare_with(tmp_path: Path) -> None:
    package = tmp_path / "overlay" / "dify_workflow"
    package.mkdir(parents=True)
    (package / "_version.py").write_text('__version__ = "0.2.0"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("## 0.2.0\n\n- `C` is now `D`.\n", encoding="utf-8")
    texts = tmp_path / "tests" / "public_api"
    texts.mkdir(parents=True)
    for name in PACKAGES:
        (texts / f"{name}.txt").write_text(f"{name}.C: class()\n", encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    assert check_release(tmp_path).stdout.startswith("No release yet")
    git(tmp_path, "tag", "v0.1.0")
    (texts / "dify_workflow.txt").write_text("dify_workflow.D: class()\n", encoding="utf-8")
    done = check_release(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "0.2.0 may be released" in done.stdout
    (package / "_version.py").write_text('__version__ = "0.1.1"\n', encoding="utf-8")
    done = check_release(tmp_path)
    assert done.returncode == 1
    assert "The version must be 0.2.0 or higher, since dify_workflow.C has changed" in done.stdout


def test_a_tagged_release_is_compared_with_the_one_before_it(tmp_path: Path) -> None:
    package = tmp_path / "overlay" / "dify_workflow"
    package.mkdir(parents=True)
    texts = tmp_path / "tests" / "public_api"
    texts.mkdir(parents=True)
    git(tmp_path, "init", "--quiet")
    for version, name in (("0.1.0", "C"), ("0.1.1", "D")):
        (package / "_version.py").write_text(f'__version__ = "{version}"\n', encoding="utf-8")
        (tmp_path / "CHANGELOG.md").write_text(f"## {version} (2026-11-22)\n", encoding="utf-8")
        for each in PACKAGES:
            (texts / f"{each}.txt").write_text(f"{each}.{name}: class()\n", encoding="utf-8")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", version)
        git(tmp_path, "tag", f"v{version}")
    done = check_release(tmp_path, "--tag", "v0.1.1")
    assert done.returncode == 1
    assert "The version must be 0.2.0 or higher, since dify_workflow.C has changed" in done.stdout
    assert "the tag must be v0.1.1" in check_release(tmp_path, "--tag", "v9.0.0").stdout
