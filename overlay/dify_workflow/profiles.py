r"""Apps by name: the base URL and the key of each, kept in one file of yours.

``dify-workflow profile add story`` keeps an app, and a program takes it from there::

    from dify_workflow import profiles

    with profiles.load("story").client() as workflow:
        print(workflow.run_workflow({"topic": "boxes"}).outputs)

The file is ``profiles.toml`` in the user's configuration folder: ``~/.config/dify-workflow`` on
Linux, ``~/Library/Application Support/dify-workflow`` on macOS, and
``%LOCALAPPDATA%\dify-workflow`` on Windows. Only its owner may read it (mode 0600). Windows has no
such modes: there the folder belongs to the user, and Windows keeps other users out of it. The key
can stand in the system's keyring instead of the file (``pip install keyring``).

Needs ``pip install 'dify-workflow[profiles]'``, which the extra ``cli`` contains.
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
"""What the keys are filed under in a keyring, and the name of the folder."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@attrs.frozen(kw_only=True)
class Profile:
    """An app: where it is, and its key.

    Args:
        name: What you call it.
        base_url: Base URL of the server, with its ``/v1``.
        api_key: Key of the app.
    """

    name: str
    base_url: str
    api_key: ApiKey

    def client(self) -> DifyWorkflow:
        """A client for this app; `DifyWorkflow.with_options` gives it other options."""
        from .client import DifyWorkflow

        return DifyWorkflow(self.api_key, base_url=self.base_url)

    def async_client(self) -> AsyncDifyWorkflow:
        """An async client for this app."""
        from .async_client import AsyncDifyWorkflow

        return AsyncDifyWorkflow(self.api_key, base_url=self.base_url)


def path() -> Path:
    """Where the profiles are kept, whether or not there are any.

    Raises:
        ConfigurationError: The extra is not installed.
    """
    try:
        from platformdirs import user_config_path
    except ImportError:
        raise _extra_missing() from None
    return user_config_path(_SERVICE, appauthor=False) / "profiles.toml"


def base_urls() -> dict[str, str]:
    """The base URL of each profile by its name, in alphabetical order.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    found = _read()["profiles"]
    return {name: str(found[name].get("base_url", "")) for name in sorted(found)}


def in_use() -> str | None:
    """Name of the profile that is taken where none is named; None where there is none.

    It is that of the variable DIFY_PROFILE, else the one that `use` has chosen.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    name: str | None = os.environ.get("DIFY_PROFILE") or _read().get("in_use")
    return name


def load(name: str | None = None) -> Profile:
    """The profile of a name.

    Args:
        name: Its name; by default the one that is in use.

    Raises:
        ConfigurationError: There is none, or what is kept of it cannot be read or used.
    """
    name = in_use() if name is None else name
    if name is None:
        raise ConfigurationError("No profile is in use: name one, or set DIFY_PROFILE.")
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
    """Keep an app under a name, in place of what was kept under it before.

    The first profile is in use from then on.

    Args:
        name: A name of letters, digits, ``-``, ``_`` and ``.``.
        api_key: Key of the app.
        base_url: Base URL of the server, with its ``/v1``.
        in_keyring: Whether the key goes into the system's keyring, instead of the file.

    Raises:
        ConfigurationError: One of them is invalid, the file cannot be written, or there is no
            keyring.
    """
    if isinstance(api_key, str):
        api_key = ApiKey(api_key)  # before anything is raised: tracebacks show what names hold
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"A profile is named with letters, digits, '-', '_' and '.', not {name!r}."
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
    """Choose the profile that is taken where none is named.

    Raises:
        ConfigurationError: There is none of that name, or the file cannot be written.
    """
    with _changing() as book:
        _entry(book, name)
        book["in_use"] = name


def remove(name: str) -> None:
    """Forget a profile, and its key in the keyring.

    Raises:
        ConfigurationError: There is none of that name, or the file cannot be written.
    """
    with _changing() as book:
        _forget_key(name, _entry(book, name))
        del book["profiles"][name]
        if book.get("in_use") == name:
            del book["in_use"]


# ------------------------------------------------------------------------------------- the file


def _read() -> dict[str, Any]:
    """What the file says, with its keys wrapped; it always has ``profiles``."""
    place = path()
    book, problem = _parsed(place)
    if problem:
        raise ConfigurationError(f"{place} {problem}.")
    return book


def _parsed(place: Path) -> tuple[dict[str, Any], str]:
    """What the file says, or why it cannot be read.

    Nothing is raised here: the frames of an exception would hold keys that are not wrapped yet.
    """
    try:
        book = tomllib.loads(place.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        book = {}
    except OSError as error:
        return {}, f"cannot be read: {error.strerror}"
    except ValueError as error:  # which quotes nothing of the file
        return {}, f"is not TOML in UTF-8: {error}"
    found: JSON = book.setdefault("profiles", {})
    for kept in found.values() if is_object(found) else [found]:
        if not is_object(kept):
            return {}, "holds something else than tables [profiles.NAME]"
        if isinstance(key := kept.get("api_key"), str):
            kept["api_key"] = ApiKey(key)
    return book, ""


def _entry(book: dict[str, Any], name: str) -> dict[str, Any]:
    kept: dict[str, Any] | None = book["profiles"].get(name)
    if kept is None:
        known = ", ".join(sorted(book["profiles"])) or "none at all"
        raise ConfigurationError(f"There is no profile {name!r} in {path()}; there are: {known}.")
    return kept


@contextmanager
def _changing() -> Generator[dict[str, Any], None, None]:
    """What the file says, to be changed; it is written when this is left, whole or not at all."""
    try:
        import tomli_w
    except ImportError:
        raise _extra_missing() from None
    book = _read()
    yield book
    place = Path(os.path.realpath(path()))  # a link to it stays a link
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
    return ConfigurationError("Profiles need more: pip install 'dify-workflow[profiles]'")


# ---------------------------------------------------------------------------------- the keyring


def _keyring_entry(name: str, base_url: str) -> str:
    """What a key is filed under: with its server, so that an edited file sends it nowhere else."""
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
    """The package keyring; what goes wrong in it becomes a sentence."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ConfigurationError("The system's keyring needs more: pip install keyring") from None
    problem: KeyringError | None = None
    try:
        yield keyring
    except KeyringError as error:
        problem = error.with_traceback(None)  # its frames may hold a key
    if problem is not None:
        raise ConfigurationError(f"The keyring cannot be used: {problem}")
