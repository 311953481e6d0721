"""What the command line looks up, uploads and submits."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dify_workflow.emulator import Emulator
from support.cli import call, started
from support.events import TASK
from support.recordings import recording
from support.replay import Exchange, ReplayServer


def test_info_shows_the_run(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        run = client.run_workflow({"name": "Ann"})
    done = call("info", run.id, base_url=emulator.base_url)
    assert re.search(rf"^run +{run.id}$", done.out, re.MULTILINE)
    assert re.search(r"^status +✔ succeeded$", done.out, re.MULTILINE)
    assert re.search(r'^outputs +{"greeting": "Ann"}$', done.out, re.MULTILINE)
    as_json = call("info", run.id, "--json", base_url=emulator.base_url)
    assert json.loads(as_json.out)["outputs"] == {"greeting": "Ann"}


def test_info_of_a_failed_run_found_it(emulator: Emulator) -> None:
    with emulator.client("failing") as client:
        run = client.run_workflow({})
    done = call("info", run.id, base_url=emulator.base_url, key="app-failing")
    assert done.code == 0
    assert re.search(r"^message +RuntimeError: kaboom$", done.out, re.MULTILINE)


def test_a_stop_that_the_server_takes_is_called_accepted_and_no_more(emulator: Emulator) -> None:
    done = call("stop", TASK, base_url=emulator.base_url)
    assert (done.code, done.out, done.err) == (0, "stop accepted\n", "")


def test_a_stop_with_the_id_of_a_run_is_an_error_that_says_where_the_task_is(
    emulator: Emulator,
) -> None:
    with emulator.client("slow") as client, client.run_workflow_stream({"secs": 30}) as stream:
        run = stream.started()
        done = call("stop", run.id, base_url=emulator.base_url, key="app-slow")
        assert (done.code, done.out) == (2, "")
        assert f"{run.id} is the id of a run" in done.said
        assert "nothing was stopped" in done.said
        hint = f"dify-workflow resume {run.id} shows it with the next event"
        assert hint in done.said
        assert client.info(run.id).status == "running"
        stream.stop()


def test_a_stop_that_waits_tells_how_the_run_ended(emulator: Emulator) -> None:
    with emulator.client("slow") as client, client.run_workflow_stream({"secs": 30}) as stream:
        run = stream.started()
        waiting = ("--run", run.id, "--wait", "30")
        done = call("stop", run.task_id, *waiting, base_url=emulator.base_url, key="app-slow")
        assert (done.code, done.out) == (0, "stopped\n")


def test_a_stop_that_waits_in_vain_says_that_the_end_was_not_seen(emulator: Emulator) -> None:
    with emulator.client("slow") as client, client.run_workflow_stream({"secs": 30}) as stream:
        run = stream.started()
        waiting = ("--run", run.id, "--wait", "0.3")
        done = call("stop", TASK, *waiting, base_url=emulator.base_url, key="app-slow")
        assert (done.code, done.out) == (5, "stop accepted; end not seen\n")
        stream.stop()


def test_a_stop_waits_for_a_run_that_is_named(emulator: Emulator) -> None:
    for lone in (("--wait", "3"), ("--run", TASK)):
        done = call("stop", TASK, *lone, base_url=emulator.base_url)
        assert (done.code, done.out) == (2, "")
        assert "--wait and --run must be given together." in done.said


def test_info_of_a_run_that_goes_on_says_how_to_find_its_task(emulator: Emulator) -> None:
    with emulator.client("slow") as client, client.run_workflow_stream({"secs": 30}) as stream:
        run = stream.started()
        done = call("info", run.id, base_url=emulator.base_url, key="app-slow")
        hint = f"dify-workflow resume {run.id} shows it with the next event"
        assert hint in done.said
        with started("resume", run.id, base_url=emulator.base_url, key="app-slow") as process:
            lines = [process.stderr.readline().rstrip() for _ in range(4)]
            assert lines[0] == f"▶ run {run.id}"
            assert not any("task" in line for line in lines)  # what has been does not name it
            stream.stop()
            assert process.stderr.readline().rstrip() == f"  task {run.task_id}"


def test_resume_shows_the_task_as_soon_as_the_server_tells_it(forms: Emulator) -> None:
    with forms.client("approval") as client:
        run = client.run_workflow({"topic": "boxes"})
        done = call("resume", run.id, base_url=forms.base_url, key="app-approval")
        assert done.err.splitlines()[:2] == [f"▶ run {run.id}", f"  task {run.task_id}"]


def test_the_log_says_that_running_may_mean_stopped(emulator: Emulator) -> None:
    with emulator.client("slow") as client, client.run_workflow_stream({"secs": 30}) as stream:
        stream.started()
        done = call("logs", base_url=emulator.base_url, key="app-slow")
        assert "A stopped run may stay running in the log" in done.said
        stream.stop()
    quiet = call("logs", base_url=emulator.base_url, key="app-failing")
    assert "may stay running" not in quiet.said


def test_parameters_are_a_table_or_json(forms: Emulator) -> None:
    done = call("parameters", base_url=forms.base_url, key="app-typed")
    assert done.out.splitlines()[0].split() == ["name", "kind", "takes"]
    for line in (
        r"topic +text-input +at most 48 characters",
        r"style +select +plain, loud",
        r"pages +file-list +document, image, at most 3",
    ):
        assert re.search(f"^{line}$", done.out, re.MULTILINE), done.out
    as_json = call("parameters", "--json", base_url=forms.base_url, key="app-typed")
    assert len(json.loads(as_json.out)["user_input_form"]) == 7


def test_upload_shows_the_file_as_the_server_has_it(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "plan.pdf"
    path.write_bytes(b"%PDF" + b"x" * 2000)
    done = call("upload", str(path), base_url=emulator.base_url)
    shown = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert shown.pop("id")
    assert shown == {"name": "plan.pdf", "type": "document", "size": "2,004 bytes"}
    as_json = call("upload", str(path), "--json", base_url=emulator.base_url)
    assert json.loads(as_json.out)["size"] == 2004


def test_resume_shows_a_run_that_has_ended(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        run = client.run_workflow({"name": "Ann"})
    done = call("resume", run.id, base_url=emulator.base_url)
    assert (done.code, done.out) == (0, '{"greeting": "Ann"}\n')
    as_json = call("resume", "--json", run.id, base_url=emulator.base_url)
    assert json.loads(as_json.out)["id"] == run.id


def test_rounds_that_are_told_again_are_not_listed_either(emulator: Emulator) -> None:
    with emulator.client("batch") as client:
        stream = client.run_workflow_stream({"words": "one two three"})
        for event in stream:
            if event.event == "iteration_completed":
                break
        assert stream.run_id is not None
    done = call("resume", stream.run_id, base_url=emulator.base_url, key="app-batch")
    assert done.code == 0
    assert "×" not in done.err


def paused_form(forms: Emulator) -> str:
    """The token of a form at which a run waits."""
    with forms.client("approval") as client:
        run = client.run_workflow({"topic": "Budget"})
    assert run.paused is not None
    token = run.paused.forms[0].token
    assert token is not None
    return token


def test_form_show_shows_what_it_says_and_takes(forms: Emulator) -> None:
    token = paused_form(forms)
    done = call("form", "show", "--", token, base_url=forms.base_url, key="app-approval")
    assert done.code == 0
    assert done.out.startswith("Please approve Budget\n")
    assert re.search(r"^comment +paragraph +fine$", done.out, re.MULTILINE)
    assert "--action approve  Approve\n--action reject  Reject\n" in done.out
    assert done.err.startswith("Expires at ")
    arguments = ("form", "show", "--json", "--", token)
    as_json = call(*arguments, base_url=forms.base_url, key="app-approval")
    assert json.loads(as_json.out)["form_content"].startswith("Please approve Budget")


def test_form_submit_takes_what_is_given_and_defaults_for_the_rest(forms: Emulator) -> None:
    for values, expected in ((["-i", "comment=no"], "no"), ([], "fine")):
        with forms.client("approval") as client:
            run = client.run_workflow({"topic": "Budget"})
            assert run.paused is not None
            token = str(run.paused.forms[0].token)
            arguments = ["form", "submit", "--action", "reject", *values, "--", token]
            done = call(*arguments, base_url=forms.base_url, key="app-approval")
            assert (done.code, done.out) == (0, "")
            assert done.err == "Submitted: the run continues.\n"
            outputs = client.resume_workflow_stream(run.id).result().outputs
        assert outputs == {"answer": "reject", "comment": expected}


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "Give the action to submit the form with: --action approve or reject."),
        (["--action", "approve", "-i", "coment=x"], 2, "did you mean comment?"),
        (["--action", "nope"], 3, "Invalid action: nope"),
    ],
)
def test_forms_that_cannot_be_submitted_say_why(
    options: list[str], code: int, message: str, forms: Emulator
) -> None:
    arguments = ["form", "submit", *options, "--", paused_form(forms)]
    done = call(*arguments, base_url=forms.base_url, key="app-approval")
    assert done.code == code
    assert message in done.said


def test_fields_without_a_default_must_be_given_and_an_only_action_need_not(
    server: ReplayServer,
) -> None:
    submitted: list[bytes] = []

    def tell(exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            submitted.append(exchange.request.body)
            exchange.whole(b"{}")
            return
        form = json.loads(recording("1.14.2/hi1_form_get").body)
        form |= {"resolved_default_values": {}, "user_actions": form["user_actions"][:1]}
        exchange.whole(json.dumps(form).encode())

    url = server.handle(tell)
    refused = call("form", "submit", "token", base_url=url)
    assert refused.code == 2
    assert "Fields are missing; give them with -i draft=VALUE." in refused.err
    assert submitted == []
    assert call("form", "submit", "token", "-i", "draft=x", base_url=url).code == 0
    sent = json.loads(submitted[0])
    assert (sent["action"], sent["inputs"]) == ("approve", {"comment": "no comment", "draft": "x"})


def test_a_form_that_was_submitted_is_too_late(server: ReplayServer) -> None:
    done = call("form", "submit", "t", base_url=server.url("1.14.2/hi1_form_get_after_submit"))
    assert done.code == 3
    assert "too late" in done.err


def test_of_a_form_that_may_have_been_submitted_the_next_command_is_told(forms: Emulator) -> None:
    token = paused_form(forms)
    forms.faults.answer(500, on="POST /form/human_input")
    arguments = ("form", "submit", "--action", "approve", "-i", "comment=x", "--", token)
    done = call(*arguments, base_url=forms.base_url, key="app-approval")
    assert done.code == 5
    assert done.err.rstrip().endswith(f"form show {token}") or f"form show -- {token}" in done.err
