"""The log of runs on the command line."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import signal
import threading
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from dify_workflow.cli.log_output import log_columns
from dify_workflow.emulator import Emulator, PastRun
from support.cli import call, in_terminal, started
from support.logs import BASE
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE


def test_logs_is_a_table_or_json(emulator: Emulator) -> None:
    with emulator.client("echo", user_id="log-reader") as client:
        run = client.run_workflow({"name": "Ann"})
    only = ("--keyword", run.id)
    done = call("logs", *only, base_url=emulator.base_url)
    assert "started" in done.out
    assert f"succeeded  {run.id}  log-reader" in done.out
    assert done.err == "1 of 1 runs\n"
    as_json = call("logs", "--json", *only, base_url=emulator.base_url)
    page = json.loads(as_json.out)
    assert (page["total"], page["has_more"]) == (1, False)
    lines = call("logs", "--jsonl", *only, base_url=emulator.base_url)
    assert [json.loads(line) for line in lines.out.splitlines()] == page["data"]
    assert page["data"][0]["workflow_run"]["id"] == run.id
    as_csv = call("logs", "--csv", *only, base_url=emulator.base_url)
    (row,) = csv.DictReader(as_csv.out.splitlines())
    assert (row["run_id"], row["status"], row["user"]) == (run.id, "succeeded", "log-reader")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["created_at"])
    assert row["error"] == ""


def test_formulas_are_escaped_in_csv_where_that_is_asked_for() -> None:
    with Emulator() as emulator:
        users = ["=cmd()", "a\rb", "plain"]
        emulator.add_runs([PastRun(BASE + n, user=user) for n, user in enumerate(users)], "echo")
        for options, first in (([], "=cmd()"), (["--escape-formulas"], "'=cmd()")):
            done = call("logs", "--csv", *options, base_url=emulator.base_url)
            found = [row["user"] for row in csv.DictReader(io.StringIO(done.out, newline=""))]
            assert sorted(found) == sorted([first, "a\rb", "plain"])
        refused = call("logs", "--escape-formulas", base_url=emulator.base_url)
        assert (refused.code, "--escape-formulas is for --csv." in refused.said) == (2, True)


def test_logs_goes_on_until_all_rows_came_each_once(long_log: Emulator) -> None:
    key = "app-echo"
    for options, count, said in (
        (["--limit", "3"], 3, "3 of 250 runs, there are more"),
        (["--limit", "120"], 120, "120 of 250 runs, there are more"),
        (["--all"], 250, "250 of 250 runs"),
    ):
        done = call("logs", *options, base_url=long_log.base_url, key=key)
        ids = re.findall(r"succeeded  ([0-9a-f-]{36})", done.out)
        assert len(ids) == len(set(ids)) == count
        assert done.err.startswith(f"{said}\n")
    page = json.loads(call("logs", "--all", "--json", base_url=long_log.base_url, key=key).out)
    assert len(page["data"]) == page["total"] == 250
    assert not page["has_more"]


def test_logs_takes_bounds_of_time_as_people_write_them(long_log: Emulator) -> None:
    # The runs are of 2026-11-18, 11:06:40 to 11:08:03 UTC.
    for options, count in (
        (["--since", "2026-11-18T11:08:00Z"], 10),
        (["--until", "2026-11-18T11:06:41Z"], 6),
        (["--since", "2026-11-01", "--until", "2026-11-30"], 250),
        (["--since", "2026-11-20"], 0),
        (["--until", "2026-11-16"], 0),
        (["--until", "9999w"], 0),
    ):
        done = call("logs", "--limit", "1", *options, base_url=long_log.base_url)
        assert f" of {count} runs" in done.err, options


def ids_of(lines: str) -> list[str]:
    return [json.loads(line)["id"] for line in lines.splitlines()]


def test_logs_goes_on_where_an_earlier_call_stopped(long_log: Emulator) -> None:
    url, seen, options = long_log.base_url, list[str](), list[str]()
    for expected, has_more in ((100, True), (100, True), (50, False)):
        page = json.loads(call("logs", "--limit", "100", "--json", *options, base_url=url).out)
        assert (len(page["data"]), page["has_more"]) == (expected, has_more)
        seen += [row["id"] for row in page["data"]]
        options = ["--cursor", page["cursor"]]
    assert len(set(seen)) == 250


def test_the_command_to_go_on_with_has_the_same_filters(long_log: Emulator) -> None:
    url = long_log.base_url
    filters = ["--status", "succeeded", "--keyword", "", "--since", "999w", "--until", "2026-12-31"]
    table = call("logs", "--limit", "3", *filters, base_url=url)
    told = re.search(r"To continue: dify-workflow (logs .*)", table.err)
    assert told is not None
    words = shlex.split(told[1])
    assert "--keyword" not in words
    rest = ids_of(call(*words, "--all", "--jsonl", base_url=url).out)
    everything = ids_of(call("logs", "--all", "--jsonl", base_url=url).out)
    assert rest == everything[3:]


def test_ctrl_c_ends_rows_behind_one_and_tells_how_to_go_on(long_log: Emulator) -> None:
    url = long_log.base_url
    with started("logs", "--all", "--jsonl", base_url=url) as process:
        lines = process.stdout.readline()  # more than a pipe holds is to come, so it waits
        process.send_signal(signal.SIGINT)
        rest, errors = process.stdout.read(), process.stderr.read()
    assert process.returncode == 130
    seen = ids_of(lines + rest)
    told = re.search(r"To continue: dify-workflow (logs .*)", errors)
    assert told is not None
    others = ids_of(call(*shlex.split(told[1]), "--all", "--jsonl", base_url=url).out)
    assert 0 < len(seen) < 250
    assert len({*seen, *others}) == len(seen) + len(others) == 250


def test_logs_refuses_the_cursor_of_other_filters(long_log: Emulator) -> None:
    url = long_log.base_url
    done = call("logs", "--limit", "1", "--json", base_url=url, key="app-echo")
    cursor = json.loads(done.out)["cursor"]
    other = call("logs", "--status", "failed", "--cursor", cursor, base_url=url, key="app-echo")
    assert other.code == 2
    assert "filter" in other.said


# ------------------------------------------------------------------------------------ new rows


@pytest.fixture
def growing_log() -> Iterator[Emulator]:
    """An emulator whose log has ten runs, and gets more."""
    with Emulator() as running:
        running.add_runs((PastRun(BASE + number) for number in range(10)), "echo")
        yield running


@pytest.mark.parametrize("form", ["--jsonl", "--csv", "table"])
def test_following_prints_each_new_row_when_it_appears(form: str, growing_log: Emulator) -> None:
    options = [] if form == "table" else [form]
    with started("logs", "--follow", *options, base_url=growing_log.base_url) as process:
        assert process.stderr.readline() == "Waiting for new runs; Ctrl-C ends it.\n"
        for number in (1, 2):
            run = PastRun(BASE + 10 + number, user=f"new-{number}")
            growing_log.add_runs([run], "echo")
            if number == 1 and form != "--jsonl":
                assert re.match(r"run_id,status|started +status", process.stdout.readline())
            assert f"new-{number}" in (line := process.stdout.readline())
            assert run.id in line
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
    assert process.returncode == 130


def test_following_from_a_cursor_begins_behind_it_and_may_have_an_end(
    growing_log: Emulator,
) -> None:
    url = growing_log.base_url
    page = json.loads(call("logs", "--limit", "4", "--json", base_url=url).out)
    done = call("logs", "-f", "--jsonl", "--limit", "3", "--cursor", page["cursor"], base_url=url)
    newer = [row["id"] for row in page["data"]][:3]
    assert (done.code, ids_of(done.out)) == (0, newer[::-1])


@pytest.mark.parametrize("other", [["--all"], ["--json"], ["--since", "1h"], ["--until", "1h"]])
def test_following_goes_with_nothing_that_lists_what_is_past(
    other: list[str], long_log: Emulator
) -> None:
    done = call("logs", "--follow", *other, base_url=long_log.base_url)
    assert done.code == 2
    assert f"Give only one of --follow, {other[0]}." in done.said


# ------------------------------------------------------------------------------------ on screen


def test_a_bar_shows_how_far_a_long_walk_is(server: ReplayServer) -> None:
    (row, *_) = json.loads(recording("1.14.2/logs_burst_all").body)["data"]
    newest, was_seen = 250, threading.Event()

    def handler(exchange: Exchange) -> None:
        (before,) = parse_qs(urlsplit(exchange.request.target).query).get(
            "created_at__before", [""]
        )
        last = int(datetime.fromisoformat(before).timestamp()) if before else newest
        if last < newest - 100:
            was_seen.wait(PATIENCE)
        seconds = range(last, max(last - 100, 0), -1)
        data = [{**row, "id": str(UUID(int=number)), "created_at": number} for number in seconds]
        page = {"page": 1, "limit": 100, "total": last, "has_more": last > 100, "data": data}
        exchange.whole(json.dumps(page).encode())

    with in_terminal("logs", "--all", base_url=server.handle(handler)) as terminal:
        terminal.see("Reading the log", "100/250")
        was_seen.set()
        assert terminal.end() == 0
    assert terminal.shown.splitlines()[-1] == "250 of 250 runs"
    assert "Reading the log" not in terminal.everything


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (40, ["run"]),
        (60, ["status", "run"]),
        (80, ["started", "status", "run"]),
        (100, ["started", "status", "run", "duration", "tokens"]),
        (200, ["started", "status", "run", "user", "duration", "tokens", "message"]),
    ],
)
def test_a_narrow_table_of_logs_drops_columns_before_it_cuts_an_id(
    width: int, columns: list[str]
) -> None:
    assert log_columns(width) == columns


def test_logs_shows_rows_whose_run_or_user_is_gone(server: ReplayServer) -> None:
    name = "1.14.2/logs_row_whose_end_user_was_deleted"
    played = json.loads(recording(name).body)
    limit = ("--limit", str(len(played["data"])))
    done = call("logs", *limit, base_url=server.url(name))
    assert done.code == 0
    assert f"{len(played['data'])} of {played['total']} runs" in done.err
    assert call("logs", "--csv", *limit, base_url=server.url(name)).code == 0


def test_nothing_is_cut_wrapped_or_padded_in_a_pipe(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        run = client.run_workflow({"name": "x" * 48})
    shown = [
        call("info", run.id, base_url=emulator.base_url).out,
        call("logs", base_url=emulator.base_url).out,
        call("run", "-i", f"name={'y' * 48}", base_url=emulator.base_url).out,
    ]
    assert f'{{"greeting": "{"x" * 48}"}}' in shown[0]
    assert run.id in shown[1]
    assert json.loads(shown[2].splitlines()[-1]) == {"greeting": "y" * 48}
    assert all(line == line.rstrip() for part in shown for line in part.splitlines())
