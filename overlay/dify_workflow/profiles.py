r"""Profiles: the base URL and the API key of apps by name, saved in a file.

``dify-workflow profile add story`` saves an app, and a program loads it::

    from dify_workflow import profiles

    with profiles.load("story").client() as workflow:
        print(workflow.run_workflow({"topic": "boxes"}).outputs)

The file is ``profiles.toml`` in the user's configuration folder: ``~/.config/dify-workflow`` on
Linux, ``~/Library/Application Support/dify-workflow`` on macOS, and
``%LOCALAPPDATA%\dify-workflow`` on Windows. Only its owner can read the file (mode 0600). Windows
has no such modes; there, other users have no access to the folder. The key can be in the system's
keyring instead of the file (``pip install keyring``).

Profiles need ``pip install 'dify-workflow[profiles]'``. The extra ``cli`` includes it.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ._http.options import CLOUD_URL, checked_url
from ._json import JSON, is_object
from ._secret import ApiKey, wrap
from .errors import ConfigurationError
from .output import replacing

if TYPE_CHECKING:
    from .async_client import AsyncDifyWorkflow
    from .client import DifyWorkflow

__all__ = ["Profile", "add", "base_urls", "in_use", "load", "path", "remove", "use"]

_SERVICE = "dify-workflow"
"""Name of the service in the keyring, and of the folder of the file."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@attrs.frozen(kw_only=True)
class Profile:
    """A saved app: its name, base URL and API key.

    Args:
        name: Name of the profile.
        base_url: Base URL of the server, including ``/v1``.
        api_key: API key of the app.
    """

    name: str
    base_url: str
    api_key: ApiKey

    def client(self) -> DifyWorkflow:
        """A client for this app.

        Returns:
            A new client with default options; change them with `DifyWorkflow.with_options`.

        Example::

            profiles.add("echo", "app-echo", base_url=emulator.base_url)
            with profiles.load("echo").client() as client:
                print(client.run_workflow({"name": "Ann"}).outputs)
        """
        from .client import DifyWorkflow

        return DifyWorkflow(self.api_key, base_url=self.base_url)

    def async_client(self) -> AsyncDifyWorkflow:
        """An async client for this app.

        Returns:
            A new client with default options; change them with `AsyncDifyWorkflow.with_options`.

        Example::

            profiles.add("echo", "app-echo", base_url=emulator.base_url)
            async with profiles.load("echo").async_client() as client:
                print((await client.run_workflow({"name": "Ann"})).outputs)
        """
        from .async_client import AsyncDifyWorkflow

        return AsyncDifyWorkflow(self.api_key, base_url=self.base_url)


def path() -> Path:
    """The file in which profiles are saved. It may not exist yet.

    Returns:
        The path of the file.

    Raises:
        ConfigurationError: The extra ``profiles`` is not installed.

    Example::

        if not profiles.path().exists():
            print("No profile was saved yet.")
    """
    try:
        from platformdirs import user_config_path
    except ImportError:
        raise _extra_missing() from None
    return user_config_path(_SERVICE, appauthor=False) / "profiles.toml"


def base_urls() -> dict[str, str]:
    """The base URLs of all profiles by name, in alphabetical order.

    Returns:
        Base URL by name of the profile.

    Raises:
        ConfigurationError: The file cannot be read.

    Example::

        profiles.add("echo", "app-echo", base_url="https://dify.example.com/v1")
        for name, base_url in profiles.base_urls().items():
            print(name, base_url)
    """
    found = _read()["profiles"]
    return {name: str(found[name].get("base_url", "")) for name in sorted(found)}


def in_use() -> str | None:
    """The name of the default profile; None if there is none.

    The environment variable DIFY_PROFILE comes first, then the profile set by `use`.

    Returns:
        The name, even if no profile has it.

    Raises:
        ConfigurationError: The file cannot be read.

    Example::

        profiles.add("echo", "app-echo")
        assert profiles.in_use() == "echo"
    """
    name: str | None = os.environ.get("DIFY_PROFILE") or _read().get("in_use")
    return name


def load(name: str | None = None) -> Profile:
    """Load a profile.

    Args:
        name: Name of the profile; by default the one that is in use.

    Returns:
        The profile, with its base URL and key.

    Raises:
        ConfigurationError: There is no such profile, or it cannot be read or is invalid.

    Example::

        profiles.add("echo", "app-echo", base_url="https://dify.example.com/v1")
        assert profiles.load().base_url == "https://dify.example.com/v1"
    """
    name = in_use() if name is None else name
    if name is None:
        raise ConfigurationError("No profile is in use; pass a name, or set DIFY_PROFILE.")
    kept = _entry(_read(), name)
    base_url = kept.get("base_url")
    if not isinstance(base_url, str):
        raise ConfigurationError(f"The profile {name!r} in {path()} has no base_url.")
    base_url = checked_url(base_url)
    in_keyring = bool(kept.get("keyring"))
    key = _from_keyring(name, base_url) if in_keyring else kept.get("api_key")
    if not isinstance(key, ApiKey):
        where = "the keyring" if in_keyring else path()
        raise ConfigurationError(f"The profile {name!r} has no key in {where}; add it again.")
    return Profile(name=name, base_url=base_url, api_key=key.checked())


def add(
    name: str,
    api_key: str | ApiKey,
    *,
    base_url: str = CLOUD_URL,
    in_keyring: bool = False,
) -> Profile:
    """Save an app under a name. An older profile of that name is replaced.

    The first profile that you add is in use.

    Args:
        name: A name of letters, digits, ``-``, ``_`` and ``.``.
        api_key: API key of the app.
        base_url: Base URL of the server, including ``/v1``.
        in_keyring: Whether to save the key in the system's keyring instead of the file.

    Returns:
        The saved profile.

    Raises:
        ConfigurationError: An argument is invalid, the file cannot be written, or there is no
            keyring.

    Example::

        profiles.add("story", "app-secret", base_url="https://dify.example.com/v1")
        client = profiles.load("story").client()
    """
    if isinstance(api_key, str):
        api_key = ApiKey(api_key)  # first, because tracebacks can show the values of variables
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"The name of a profile can have letters, digits, '-', '_' and '.'; got {name!r}."
        )
    added = Profile(name=name, base_url=checked_url(base_url), api_key=api_key.checked())
    with _changing() as book:
        before = book["profiles"].get(name, {})
        if in_keyring:
            with _keyring() as keyring:
                entry = _keyring_entry(name, added.base_url)
                keyring.set_password(_SERVICE, entry, api_key.get_secret_value())
            kept = {"base_url": added.base_url, "keyring": True}
        else:
            kept = {"base_url": added.base_url, "api_key": api_key}
        if not in_keyring or before.get("base_url") != added.base_url:
            with suppress(ConfigurationError):  # a keyring that is gone keeps nobody from a file
                _forget_key(name, before)
        book["profiles"][name] = kept
        book.setdefault("in_use", name)
    return added


def use(name: str) -> None:
    """Set the default profile.

    Args:
        name: Name of the profile.

    Raises:
        ConfigurationError: There is no such profile, or the file cannot be written.

    Example::

        profiles.add("echo", "app-echo")
        profiles.add("story", "app-story")
        profiles.use("story")
    """
    with _changing() as book:
        _entry(book, name)
        book["in_use"] = name


def remove(name: str) -> None:
    """Delete a profile, and its key in the keyring.

    Args:
        name: Name of the profile.

    Raises:
        ConfigurationError: There is no such profile, or the file cannot be written.

    Example::

        profiles.add("echo", "app-echo")
        profiles.remove("echo")
    """
    with _changing() as book:
        _forget_key(name, _entry(book, name))
        del book["profiles"][name]
        if book.get("in_use") == name:
            del book["in_use"]


# ------------------------------------------------------------------------------------- the file


def _read() -> dict[str, Any]:
    """The content of the file, with the keys as `ApiKey`; it always has ``profiles``."""
    place = path()
    book, problem = _parsed(place)
    if problem:
        raise ConfigurationError(f"{place} {problem}.")
    return book


def _parsed(place: Path) -> tuple[dict[str, Any], str]:
    """The content of the file, and why it cannot be read (empty if it can).

    Nothing is raised here: the traceback would contain keys that are not wrapped yet.
    """
    try:
        book = tomllib.loads(place.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        book = {}
    except OSError as error:
        return {}, f"cannot be read: {error.strerror}"
    except ValueError as error:  # its message quotes nothing from the file
        return {}, f"is not TOML in UTF-8: {error}"
    found: JSON = book.setdefault("profiles", {})
    for kept in found.values() if is_object(found) else [found]:
        if not is_object(kept):
            return {}, "must contain only tables [profiles.NAME] under profiles"
        if isinstance(key := kept.get("api_key"), str):
            kept["api_key"] = ApiKey(key)
    return book, ""


def _entry(book: dict[str, Any], name: str) -> dict[str, Any]:
    kept: dict[str, Any] | None = book["profiles"].get(name)
    if kept is None:
        known = ", ".join(sorted(book["profiles"])) or "none"
        raise ConfigurationError(f"There is no profile {name!r} in {path()}; profiles: {known}.")
    return kept


@contextmanager
def _changing() -> Generator[dict[str, Any], None, None]:
    """The content of the file, to change it; it is saved at the end of the ``with`` block."""
    try:
        import tomli_w
    except ImportError:
        raise _extra_missing() from None
    book = _read()
    yield book
    place = Path(os.path.realpath(path()))  # so that a symbolic link stays a link
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(place, mode=0o600) as file:
            file.write(tomli_w.dumps(_unwrapped(book)).encode())
    except OSError as error:
        raise ConfigurationError(f"{place} cannot be written: {error.strerror}.") from None


def _unwrapped(value: Any) -> Any:
    if is_object(value):
        return {name: _unwrapped(each) for name, each in value.items()}
    return value.get_secret_value() if isinstance(value, ApiKey) else value


def _extra_missing() -> ConfigurationError:
    return ConfigurationError("Profiles need more packages: pip install 'dify-workflow[profiles]'")


# ---------------------------------------------------------------------------------- the keyring


def _keyring_entry(name: str, base_url: str) -> str:
    """The key's entry in the keyring. It has the URL, so an edited file cannot redirect the key."""
    return f"{name} {base_url}"


def _forget_key(name: str, kept: dict[str, Any]) -> None:
    """Take the key of a profile out of the keyring, where it is there."""
    if not kept.get("keyring"):
        return
    with _keyring() as keyring:
        entry = _keyring_entry(name, str(kept.get("base_url")))
        if keyring.get_password(_SERVICE, entry) is not None:
            keyring.delete_password(_SERVICE, entry)


def _from_keyring(name: str, base_url: str) -> ApiKey | None:
    with _keyring() as keyring:
        return wrap(keyring.get_password(_SERVICE, _keyring_entry(name, base_url)))


@contextmanager
def _keyring() -> Generator[Any, None, None]:
    """The package keyring; its errors become `ConfigurationError`."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ConfigurationError(
            "The system's keyring needs one more package: pip install keyring"
        ) from None
    problem: KeyringError | None = None
    try:
        yield keyring
    except KeyringError as error:
        problem = error.with_traceback(None)  # its frames may contain a key
    if problem is not None:
        raise ConfigurationError(f"The keyring cannot be used: {problem}")
