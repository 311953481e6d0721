"""Reports in files: events read, reports written whole or not at all, and how they look."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dify_workflow import InvalidRequestError
from dify_workflow import report as report_package
from dify_workflow.report import RunReport
from support.run_events import Event, begins, ends, event, finished, gap, started

EVENTS: list[Event] = [started(), begins("a"), ends("a"), gap("it broke"), event("new"), finished()]
LINES = "".join(f"{json.dumps(each.raw)}\n" for each in EVENTS)
STYLES = Path(report_package.__file__).parent


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "run.jsonl"
    place.write_text(f"\n{LINES}\n", encoding="utf-8")
    return place


def test_a_file_of_events_gives_the_report_of_the_events(file: Path) -> None:
    expected = RunReport.of(EVENTS).html()
    assert "it broke" in expected
    assert RunReport.read(file).html() == expected
    assert RunReport.read(str(file)).html() == expected
    assert RunReport.read(io.StringIO(LINES)).html() == expected
    assert RunReport.read(io.BytesIO(LINES.encode())).html() == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_file_may_be_in_any_encoding_of_unicode(encoding: str, tmp_path: Path) -> None:
    place = tmp_path / "run.jsonl"
    place.write_text(LINES.replace("\n", "\r\n"), encoding=encoding, newline="")
    expected = RunReport.of(EVENTS).html()
    assert RunReport.read(place).html() == expected
    with place.open("rb") as binary, place.open(encoding=encoding) as text:
        assert RunReport.read(binary).html() == expected
        assert RunReport.read(text).html() == expected
    assert RunReport.read(io.StringIO(f"\ufeff{LINES}")).html() == expected


def test_a_file_in_utf_16_that_was_cut_off_says_so(tmp_path: Path) -> None:
    place = tmp_path / "run.jsonl"
    place.write_bytes(LINES.rstrip().encode("utf-16")[:-20])
    assert "The last line of the file is cut off" in RunReport.read(place).html()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", r"run.jsonl has no event\."),
        (b"\n \n", r"run.jsonl has no event\."),
        (b"no json\n", r"run.jsonl, line 1, is not JSON: "),
        (LINES.encode() + b"{\n" + LINES.encode(), r"run.jsonl, line 7, is not JSON: "),
        (b"[1, 2]\n", r"run.jsonl, line 1, is not an event: \[1, 2\]"),
        (b'{"event": 5}\n', r"line 1, is not an event: "),
        (b"\xff\xfe\n", r"run.jsonl is not text in UTF-8 or UTF-16"),
        (b"{\xe9}\n", r"run.jsonl, line 1, is not JSON"),
    ],
)
def test_what_is_no_file_of_events_is_said_with_the_line(
    text: bytes, said: str, tmp_path: Path
) -> None:
    place = tmp_path / "run.jsonl"
    place.write_bytes(text)
    with pytest.raises(InvalidRequestError, match=said):
        RunReport.read(place)


def test_a_file_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    for place, said in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InvalidRequestError, match=f"{place.name} cannot be read: {said}"):
            RunReport.read(place)


def test_a_last_line_that_was_cut_off_is_told_in_the_report(file: Path) -> None:
    file.write_text(LINES + LINES[:100], encoding="utf-8")
    assert "The last line of the file is cut off (line 7)." in RunReport.read(file).html()


def test_a_report_is_written_whole_and_replaces_what_was_there(tmp_path: Path) -> None:
    report = RunReport.of(EVENTS)
    place = tmp_path / "run.html"
    place.write_text("old", encoding="utf-8")
    place.chmod(0o640)
    assert report.save(place) == place
    assert place.read_text(encoding="utf-8") == report.html()
    assert place.stat().st_mode & 0o777 == 0o640, "whoever could read it still can"
    picture = report.save(tmp_path / "RUN.SVG")
    assert picture.read_text(encoding="utf-8") == report.svg()
    assert report.save(tmp_path / "page", svg=True).read_text(encoding="utf-8") == report.svg()
    report.save("/dev/null")


def test_a_report_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        RunReport.of(EVENTS).save(tmp_path / "none" / "run.html")
    (tmp_path / "full").mkdir()
    with pytest.raises(OSError, match="directory"):
        RunReport.of(EVENTS).save(tmp_path / "full")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


# ---------------------------------------------------------------------------- colours


def colours(name: str) -> Iterator[dict[str, str]]:
    """The colours of a style sheet, of light systems and of dark ones."""
    css = (STYLES / name).read_text(encoding="utf-8")
    light, dark = css.split("prefers-color-scheme: dark", 1)
    for part in (light, dark):
        yield dict(re.findall(r"--(\w+): (#\w{6})", part))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_and_signs_stand_out_from_what_is_behind_them(scheme: int) -> None:
    found = list(colours("picture.css"))[scheme]
    for name in ("ink", "soft", "faint", "failed", "paused", "gap", "partial", "succeeded"):
        assert contrast(found[name], found["panel"]) >= 4.5, name
    for name in ("running", "stopped", "lost"):
        assert contrast(found[name], found["panel"]) >= 3, name


def test_page_and_picture_have_the_same_colours() -> None:
    page = (STYLES / "page.css").read_text(encoding="utf-8")
    picture = (STYLES / "picture.css").read_text(encoding="utf-8")
    assert picture in RunReport.of(EVENTS).html()
    defined = set(re.findall(r"--(\w+):", page))
    assert not defined & set(re.findall(r"--(\w+):", picture)), "each colour has one place"
    assert set(re.findall(r"var\(--(\w+)", page)) <= defined | set(
        re.findall(r"--(\w+):", picture)
    ) | {"size", "step"}
