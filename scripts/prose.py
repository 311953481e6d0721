"""Check that the texts of this project are plain English: `make check` runs it.

It reads Markdown (without code), docstrings, comments and messages in Python, and the descriptions
in openapi.yaml. `scripts/prose.toml` has the words to avoid, what to write instead, and the longest
sentence.

No tool on PyPI does this offline. The wheel of vale downloads its program when it runs. codespell
knows single words only, and proselint has only its own list. None of them reads docstrings.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Blocks that are not prose. Their lines stay, but empty.
CODE = re.compile(r"^( *)(`{3}|~{3}).*?^\1\2", re.DOTALL | re.MULTILINE)
EXAMPLE = re.compile(r"::\n\n?( {4,})\S.*\n(?:\n*\1.*\n)*")
STATEMENT = re.compile(r"\s*(?:SELECT|CREATE|INSERT|DELETE|PRAGMA|\.\w+ \{) ")
DESCRIPTION = re.compile(r"(?m)^( *)(?:description|summary): (.*(?:\n\1 +\S.*|\n *$)*)|# (.*)")
# Parts of a sentence that are not prose: code, addresses, tags, emphasis, names of arguments.
INLINE = (
    (re.compile(r"``[^`]+``|`[^`]+`|^ +\*{0,2}\w+(?= ?[(:])", re.MULTILINE), "code"),
    (re.compile(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\](?:\([^()]*\)|\[[^\]]*\])"), r"\1"),
    (re.compile(r"<[^<>]*>|https?://\S+|[*_]{2}"), " "),
)
# A sentence ends at its mark, an empty line, list item, heading, table cell, or argument.
END = re.compile(r"(?<=[.!?])[\")*]*\s+|\n\s*\n|\n(?=\s*(?:[-*#|>+]|\d+\.)\s)|\n(?= *code:)|[|·├└]")


def _cut(pattern: re.Pattern[str], text: str, instead: str = "") -> str:
    def kept(found: re.Match[str]) -> str:
        new = found.expand(instead)
        return new + "\n" * (found[0].count("\n") - new.count("\n"))

    return pattern.sub(kept, text)


def markdown(source: str) -> Iterator[tuple[int, str]]:
    """Yield the text of a Markdown page, with the number of its first line."""
    yield 1, _cut(CODE, source)


def python(source: str) -> Iterator[tuple[int, str]]:
    """Yield docstrings, messages (strings with more than two words) and comments of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(text := node.value, str):
            is_prose = text.count(" ") > 1 and not STATEMENT.match(text)
            yield node.lineno, _cut(EXAMPLE, text) if is_prose else ""
    lines = [""] * (source.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            end = "" if token.line.lstrip().startswith("#") else "."
            lines[token.start[0]] = token.string.lstrip("#- ") + end
    yield 0, "\n".join(lines)


def spec(source: str) -> Iterator[tuple[int, str]]:
    """Yield the descriptions and comments of an OpenAPI document in YAML."""
    for found in DESCRIPTION.finditer(source):
        yield source.count("\n", 0, found.start()) + 1, found[2] or found[3]


READERS = {".md": markdown, ".py": python, ".yaml": spec}


class Rules:
    """The rules of `scripts/prose.toml`."""

    def __init__(self) -> None:
        rules = tomllib.loads((ROOT / "scripts" / "prose.toml").read_text("utf-8"))
        self.longest: int = rules["longest_sentence"]
        self.left_out = tuple(rules["not_prose"])
        self.words = {
            re.compile(rf"\b(?:{word})\b".replace(" ", r"\s+"), re.IGNORECASE): instead
            for word, instead in rules["words"].items()
        }

    def faults(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the line of each fault, from 0, and what to write instead."""
        for pattern, instead in INLINE:
            text = _cut(pattern, text, instead)
        text = re.sub(r"\n +", "\n", text)
        for word, instead in self.words.items():
            for found in word.finditer(text):
                said = " ".join(found[0].split())
                yield text.count("\n", 0, found.start()), f"“{said}”: write {instead}"
        for sentence in END.split(text):
            if (count := len(re.findall(r"\w[\w'’.,-]*", sentence))) > self.longest:
                begin = " ".join(sentence.split()[:5])
                line = text.count("\n", 0, text.find(sentence.strip()))
                yield line, f"“{begin} …”: {count} words; write at most {self.longest}"


def main(names: list[str]) -> int:
    """Print the faults of the named files, or of all files in Git."""
    rules = Rules()
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    names = names or [name for name in listed if not name.startswith(rules.left_out)]
    faults = {
        (name, first + line, fault)
        for name in names
        if (reader := READERS.get(Path(name).suffix))
        for first, text in reader((ROOT / name).read_text("utf-8"))
        for line, fault in rules.faults(text)
    }
    for name, line, fault in sorted(faults):
        print(f"{name}:{line}: {fault}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
