"""Files are written completely or not at all, and never over a file that is read."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dify_workflow import InvalidRequestError
from dify_workflow import output as files
from dify_workflow.output import refuse_source, replacing, source_of


def write(place: Path, text: str) -> None:
    with replacing(place) as file:
        file.write(text.encode())


def test_a_file_appears_when_it_is_whole_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "out.csv"
    place.write_text("before")
    with pytest.raises(ZeroDivisionError), replacing(place) as file:
        file.write(b"half")
        file.flush()
        assert place.read_text() == "before"
        raise ZeroDivisionError
    assert place.read_text() == "before"
    write(place, "after")
    assert place.read_text() == "after"
    assert [*tmp_path.iterdir()] == [place]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_file_that_is_replaced_hands_on_its_mode(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "out.csv"
    place.write_text("before")
    place.chmod(mode)
    with replacing(place) as file:
        file.write(b"secret")
        (beside,) = set(tmp_path.iterdir()) - {place}
        assert beside.stat().st_mode & 0o777 == 0o600
    assert place.stat().st_mode & 0o777 == mode


def test_a_new_file_has_the_mode_that_the_user_wants(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "out.csv", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_a_link_planted_at_the_name_of_its_forerunner_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    (tmp_path / "victim").write_text("mine")
    place = tmp_path / "out.csv"
    (tmp_path / ".out.csv.part").symlink_to(tmp_path / target)
    write(place, "results")  # under a name that cannot be foreseen
    monkeypatch.setattr(files, "token_hex", lambda _: "0")
    (tmp_path / ".out.csv.0.part").symlink_to(tmp_path / target)
    with pytest.raises(FileExistsError):  # and were it, nothing would be written there
        write(place, "other results")
    assert place.read_text() == "results"
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_link_in_its_place_is_replaced_and_what_it_led_to_stays(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    place = tmp_path / "out.csv"
    place.symlink_to(tmp_path / "victim")
    write(place, "results")
    assert (place.read_text(), (tmp_path / "victim").read_text()) == ("results", "mine")
    assert not place.is_symlink()


def test_a_file_that_may_not_be_written_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "out.csv"
    place.write_text("before")
    place.chmod(0o400)
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for everybody but root
    with pytest.raises(PermissionError):
        write(place, "after")


def test_a_file_name_of_the_maximum_length_can_be_written(tmp_path: Path) -> None:
    write(tmp_path / ("☃" * 83 + ".csv"), "results")
    assert len([*tmp_path.iterdir()]) == 1


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe, "results")
    reader.join(20)
    assert read == [b"results"]
    assert pipe.is_fifo()


def test_a_file_that_is_read_is_not_replaced_under_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    read = tmp_path / "in.csv"
    read.write_text("rows")
    (tmp_path / "link.csv").symlink_to(read)
    os.link(read, tmp_path / "hard.csv")
    for name in ("in.csv", "link.csv", "hard.csv", "folder/../in.csv", "./in.csv", str(read)):
        with pytest.raises(
            InvalidRequestError,
            match="is also the file that is read; name another file to write to",
        ):
            refuse_source(Path(name), read)
        with read.open() as file, pytest.raises(InvalidRequestError):
            refuse_source(Path(name), *source_of(file))
    with pytest.raises(InvalidRequestError):
        refuse_source(Path("new.csv"), tmp_path / "new.csv")  # which neither is there yet
    (tmp_path / "other.csv").write_text("rows")
    refuse_source(Path("other.csv"), read, "nowhere")
    refuse_source(Path("new.csv"), read)
