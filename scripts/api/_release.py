"""The version that the changes since the last release require, and their changelog. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.version import Version

from ._changes import Change


def demanded(released: Version, changes: Sequence[Change]) -> Version:
    """Return the lowest version that may follow a release (semver.org).

    Before 1.0, a breaking change raises the minor version and any other change the patch version.
    """
    breaks = any(change.is_breaking for change in changes)
    major, minor, patch = released.release
    if breaks:
        return Version(f"{major + 1}.0.0" if major else f"0.{minor + 1}.0")
    if changes and major:
        return Version(f"{major}.{minor + 1}.0")
    return Version(f"{major}.{minor}.{patch + 1}")


def problems(
    released: Version, version: Version, changes: Sequence[Change], changelog: str
) -> Iterator[str]:
    """Yield the reasons why a version may not be released yet, as sentences.

    Args:
        released: The last release.
        version: The new version.
        changes: The changes for users since then.
        changelog: The text of CHANGELOG.md.
    """
    least = demanded(released, changes)
    if changes and version < least:
        breaking = [change.place for change in changes if change.is_breaking]
        reason = f"{breaking[0]} has changed or was removed" if breaking else "something is new"
        yield f"The version must be {least} or higher, since {reason}; it is {version}."
    section = _section(changelog, version)
    if changes and section is None:
        yield f"CHANGELOG.md has no section for {version}."
    for name in dict.fromkeys(change.name for change in changes if change.needs_words):
        if section is not None and not _is_named(name, section):
            yield f"CHANGELOG.md does not say what has changed in {name}."


def misfits(tag: str, version: Version, changelog: str) -> Iterator[str]:
    """Yield the reasons why a tag is not that of a version ready for release, as sentences.

    Args:
        tag: The tag, such as ``v1.2.0``.
        version: The version of the tagged commit.
        changelog: The text of CHANGELOG.md there.
    """
    if tag != f"v{version}":
        yield f"The tag is {tag}, but _version.py says {version}: the tag must be v{version}."
    headings = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", changelog, re.MULTILINE)
    if str(version) not in headings[:1]:
        heading = f"## {version} (2026-01-31)"
        yield f"CHANGELOG.md must begin with {version} and its date, as in “{heading}”."


def _section(changelog: str, version: Version) -> str | None:
    """Return the text below a version's heading."""
    found = re.search(
        rf"^## {re.escape(str(version))}\b.*?$(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    return found[1] if found else None


def _is_named(name: str, section: str) -> bool:
    """Whether a class or one of its members is named. Either is enough."""
    return any(re.search(rf"\b{re.escape(part)}\b", section) for part in name.split("."))
