"""How many files a call passes through is as CONTRIBUTING.md says."""

from __future__ import annotations

import re

from scripts.hops import routes
from support.spec import ROOT

_ROW = re.compile(r"^\| ([^|]+?) \| (\d+) \| \d+ \|$", re.MULTILINE)


def test_calls_pass_through_no_more_files_than_the_table_says() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("`", "")
    table = {call: int(files) for call, files in _ROW.findall(text)}
    found = {call: len(route.files) for call, route in routes().items()}
    assert found.keys() <= table.keys()
    assert {call for call, files in found.items() if files > table[call]} == set()
