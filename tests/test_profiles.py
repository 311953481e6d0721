"""Profiles: the file, the keyring, and that no key is shown."""

from __future__ import annotations

import os
import stat
import sys
import traceback
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.backends.fail
import pytest

from dify_workflow import ApiKey, AsyncDifyWorkflow, ConfigurationError, DifyWorkflow, profiles
from dify_workflow.emulator import Emulator

KEY = "app-S3cr3t"
URL = "http://dify.example/v1"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("DIFY_PROFILE", raising=False)
    return tmp_path / "dify-workflow"


class Memory(keyring.backend.KeyringBackend):
    """A keyring that forgets everything with the test."""

    priority = 1  # type: ignore[assignment]  # a property of the class in the base

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def memory() -> Memory:
    """The system's keyring, in memory."""
    keyring.set_keyring(made := Memory())
    return made


def test_a_profile_has_what_was_kept_and_makes_clients(emulator: Emulator) -> None:
    profiles.add("echo", "app-echo", base_url=f"{emulator.base_url}/")
    profile = profiles.load("echo")
    assert (profile.name, profile.base_url) == ("echo", emulator.base_url)
    assert profile.api_key == ApiKey("app-echo")
    with profile.client() as client:
        assert isinstance(client, DifyWorkflow)
        assert client.run_workflow({"name": "Ann"}).outputs == {"greeting": "Ann"}
    assert isinstance(profile.async_client(), AsyncDifyWorkflow)


def test_only_its_owner_can_read_the_file_from_its_first_byte_on(folder: Path) -> None:
    before = os.umask(0)
    try:
        profiles.add("story", KEY, base_url=URL)
    finally:
        os.umask(before)
    assert stat.S_IMODE(profiles.path().stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    profiles.path().chmod(0o644)
    profiles.use("story")
    assert stat.S_IMODE(profiles.path().stat().st_mode) == 0o600
    assert [each.name for each in folder.iterdir()] == ["profiles.toml"]


def test_the_first_profile_is_in_use_until_another_one_is_chosen_or_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert profiles.in_use() is None
    with pytest.raises(ConfigurationError, match="No profile is in use"):
        profiles.load()
    profiles.add("one", KEY, base_url=URL)
    profiles.add("two", KEY, base_url=f"{URL}/two")
    assert profiles.load().name == "one"
    profiles.use("two")
    assert profiles.load().name == "two"
    monkeypatch.setenv("DIFY_PROFILE", "one")
    assert profiles.load().name == "one"
    assert profiles.base_urls() == {"one": URL, "two": f"{URL}/two"}


def test_a_profile_that_is_removed_is_in_use_no_more() -> None:
    profiles.add("one", KEY, base_url=URL)
    profiles.remove("one")
    assert profiles.in_use() is None
    assert KEY not in profiles.path().read_text()
    for call in (profiles.load, profiles.use, profiles.remove):
        with pytest.raises(ConfigurationError, match=r"no profile 'one' in .*profiles: none"):
            call("one")


def test_a_key_can_be_kept_in_the_keyring_and_is_bound_to_its_server(memory: Memory) -> None:
    profiles.add("story", KEY, base_url=URL, in_keyring=True)
    assert KEY not in profiles.path().read_text()
    assert profiles.load("story").api_key == ApiKey(KEY)
    place = profiles.path()
    place.write_text(place.read_text().replace("dify.example", "evil.example"))
    with pytest.raises(ConfigurationError, match="has no key in the keyring"):
        profiles.load("story")
    profiles.add("story", KEY, base_url=URL, in_keyring=True)
    profiles.remove("story")
    assert memory.kept == {}


@pytest.mark.parametrize("again", [{"base_url": f"{URL}/b", "in_keyring": True}, {"base_url": URL}])
def test_a_profile_that_is_added_again_leaves_no_key_behind(
    memory: Memory, again: dict[str, Any]
) -> None:
    profiles.add("story", KEY, base_url=URL, in_keyring=True)
    profiles.add("story", KEY, **again)
    assert profiles.load("story").base_url == again["base_url"]
    assert len(memory.kept) == again.get("in_keyring", False)
    profiles.remove("story")
    assert memory.kept == {}


@pytest.mark.usefixtures("memory")
def test_a_keyring_that_is_gone_keeps_nobody_from_a_file() -> None:
    profiles.add("story", KEY, base_url=URL, in_keyring=True)
    keyring.set_keyring(keyring.backends.fail.Keyring())
    profiles.add("story", KEY, base_url=URL)
    assert profiles.load("story").api_key == ApiKey(KEY)


def test_a_system_without_a_keyring_says_so_and_keeps_nothing() -> None:
    keyring.set_keyring(keyring.backends.fail.Keyring())
    with pytest.raises(ConfigurationError, match="keyring cannot be used") as caught:
        profiles.add("story", KEY, base_url=URL, in_keyring=True)
    assert not profiles.path().exists()
    assert_hidden(caught.value)


def test_without_the_package_the_keyring_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigurationError, match="pip install keyring"):
        profiles.add("story", KEY, base_url=URL, in_keyring=True)


def test_without_the_extra_profiles_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("tomli_w", "platformdirs"):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ConfigurationError, match=r"pip install 'dify-workflow\[profiles\]'"):
            profiles.add("story", KEY, base_url=URL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'api_key = "{KEY}', "is not TOML in UTF-8"),
        (f'profiles = "{KEY}"', "must contain only tables"),
        (f'[profiles]\nstory = "{KEY}"', "must contain only tables"),
        (f'[profiles.story]\napi_key = "{KEY}"', "has no base_url"),
        (f'[profiles.story]\napi_key = "{KEY}"\nbase_url = "ftp://x"', "must start with http"),
        (f'[profiles.story]\nbase_url = "{URL}"', "has no key in"),
        (f'[profiles.story]\nbase_url = "{URL}"\napi_key = "{KEY} x"', "white space"),
        (f'[profiles.other]\nbase_url = "{URL}"\napi_key = "{KEY}"', "no profile 'story'"),
    ],
)
def test_what_a_file_lacks_is_a_sentence_that_shows_no_key(
    content: str, message: str, folder: Path
) -> None:
    folder.mkdir(parents=True)
    profiles.path().write_text(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        profiles.load("story")
    assert_hidden(caught.value)


def test_a_file_that_cannot_be_read_or_written_is_a_sentence(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("no folder")
    for call in (lambda: profiles.load("x"), lambda: profiles.add("x", KEY, base_url=URL)):
        with pytest.raises(ConfigurationError, match=r"profiles\.toml cannot be (read|written)"):
            call()


def test_what_cannot_be_kept_is_refused_and_shows_no_key() -> None:
    for name, key, url in (
        ("a b", KEY, URL),
        ("", KEY, URL),
        ("a", f"{KEY} ", URL),
        ("a", KEY, "x"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            profiles.add(name, key, base_url=url)
        assert_hidden(caught.value)
    assert not profiles.path().exists()


def test_what_others_have_written_into_the_file_stays(folder: Path) -> None:
    folder.mkdir(parents=True)
    profiles.path().write_text(f'theirs = 1\n[profiles.a]\nbase_url = "{URL}"\nnote = "mine"\n')
    profiles.add("b", KEY, base_url=URL)
    assert 'note = "mine"' in profiles.path().read_text()
    assert "theirs = 1" in profiles.path().read_text()


def test_a_link_to_the_file_stays_a_link(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    profiles.path().symlink_to(tmp_path / "dotfiles.toml")
    profiles.add("a", KEY, base_url=URL)
    assert profiles.path().is_symlink()
    assert KEY in (tmp_path / "dotfiles.toml").read_text()


def assert_hidden(error: BaseException) -> None:
    """No text of an exception, and no name in the frames of our own, has the key."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [
        frame
        for frame in shown.stack
        if "dify_workflow" in frame.filename and frame.locals is not None
    ]
    assert ours
    assert not [frame for frame in ours if KEY in str(frame.locals)]
    assert KEY not in str(error)
