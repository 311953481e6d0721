"""Write the public API into tests/public_api, and print what has changed for users: `make api`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from packaging.version import Version

from ._changes import Change, changes, report
from ._release import demanded, misfits, problems
from ._snapshot import PACKAGES, as_text, from_text, snapshot

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path("tests", "public_api")


def main(arguments: list[str] | None = None) -> int:
    """Write and print; return 1 if a release must not be made yet, or else 0."""
    parser = argparse.ArgumentParser(prog="python -m scripts.api", description=__doc__)
    parser.add_argument("--release", action="store_true", help="check version and CHANGELOG.md")
    parser.add_argument("--tag", default="", help="the tag of the commit to release")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the project")
    options = parser.parse_args(arguments)
    if options.release:
        return _check_release(options.root, options.tag)
    (options.root / FOLDER).mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        text = as_text(snapshot(package, [options.root / "overlay", options.root / "generated"]))
        (options.root / FOLDER / f"{package}.txt").write_text(text, encoding="utf-8")
    print("For users, since the last commit:")
    print(report(_changes_since(options.root, "HEAD")))
    return 0


def _check_release(root: Path, tag: str) -> int:
    version = Version(_version(root))
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    wrong = list(misfits(tag, version, text)) if tag else []
    others = ("--match", "v[0-9]*", *(("--exclude", tag) if tag else ()))
    last = _git(root, "describe", "--tags", "--abbrev=0", *others)
    if last is None:
        print("No release yet: any version may be the first one.")
    else:
        released, found = Version(last.removeprefix("v")), _changes_since(root, last)
        wrong += problems(released, version, found, text)
        print(f"Since {released}:\n{report(found)}\n")
        if not wrong:
            least = demanded(released, found)
            print(f"{version} may be released; the lowest possible version is {least}.")
    for sentence in wrong:
        print(sentence)
    return int(bool(wrong))


def _changes_since(root: Path, commit: str) -> list[Change]:
    """Return the differences between the snapshots of a commit and the present ones."""
    found: list[Change] = []
    for package in PACKAGES:
        path = FOLDER / f"{package}.txt"
        before = _git(root, "show", f"{commit}:{path.as_posix()}") or ""
        after = (root / path).read_text(encoding="utf-8")
        found += changes(from_text(before), from_text(after))
    return found


def _version(root: Path) -> str:
    text = (root / "overlay" / "dify_workflow" / "_version.py").read_text(encoding="utf-8")
    return text.partition('"')[2].partition('"')[0]


def _git(root: Path, *arguments: str) -> str | None:
    """Return the output of git; None if git fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    return done.stdout.strip("\n") if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
