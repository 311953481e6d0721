"""States before a recorded request: runs that are active, stopped or wait for a person.

Each is brought about with requests alone, so that it can be on a real server too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from support.bench import Bench, JSONObject, Live, Midway
from support.links import Start, answers_to_forms, start_of, starter_of
from support.recordings import Recording


@dataclass
class Scene:
    """What was prepared.

    Args:
        ids: The ids that stand in for the recorded ones, by what they are of (`links.ROLES`).
        files: Ids of uploaded files by their recorded ids.
        authorization: The header, where it is not the usual one.
        midway: What is done while the answer is read.
        breaks: Whether the connection breaks by itself where the recording ends.
        is_stopped: Whether a run that went on was stopped.
    """

    ids: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    authorization: str | None = None
    midway: Midway | None = None
    breaks: bool = False
    is_stopped: bool = False


Preparation = Callable[[Bench, Recording], Scene]


def nothing(_bench: Bench, _played: Recording) -> Scene:
    return Scene()


def behind_a_proxy(bench: Bench, played: Recording) -> Scene:
    """A proxy stands before the server, and answers or cuts in its place."""
    faults = bench.emulator.faults
    if played.is_stream:
        faults.cut_stream(after_events=len(played.events))
    else:
        faults.answer(played.status, runs_anyway=played.status == _TIMED_OUT)
    return Scene(breaks=True)


_TIMED_OUT = 504
"""What a proxy answers that has not waited for the end of a run."""

# ------------------------------------------------------------------------------------------ runs


def _ids(live: Live) -> dict[str, str]:
    return {"run_id": live.run_id, "task_id": live.task_id}


def _started(bench: Bench, start: Start) -> Live:
    return bench.start(start.app, start.inputs, start.user)


def _at_work(live: Live) -> bool:
    """Whether the first node after the start has begun."""
    return any(
        event["event"] == "node_started" and event["data"]["node_id"] != "start"
        for event in live.events
    )


def going_on(bench: Bench, played: Recording) -> Scene:
    """The run goes on, at its first node."""
    start = start_of(played)
    bench.hold(start.inputs)
    return Scene(_ids(_started(bench, start).read(_at_work)))


def going_on_at(node_id: str) -> Preparation:
    """The run goes on, at a certain node."""

    def prepare(bench: Bench, played: Recording) -> Scene:
        start = start_of(played)
        bench.hold(start.inputs, 0.25)  # there is much to come
        return Scene(_ids(_started(bench, start).read(partial(_is_at, node_id))))

    return prepare


def _is_at(node_id: str, live: Live) -> bool:
    return any(
        event["event"] == "node_started" and event["data"]["node_id"] == node_id
        for event in live.events
    )


def going_on_in_blocking_mode(bench: Bench, played: Recording) -> Scene:
    """A run in blocking mode goes on; its id is found in the logs."""
    start = start_of(played)
    bench.hold(start.inputs)
    bench.run_meanwhile(start.app, start.inputs, start.user)
    return Scene({"run_id": bench.logged_run(start.app, start.user)})


def taken_by_a_blocking_run(bench: Bench, _played: Recording) -> Scene:
    """The one run that the app may have goes on."""
    inputs = {"secs": "3"}
    bench.hold(inputs)
    bench.run_meanwhile("limited", inputs, "somebody-else")
    bench.logged_run("limited", "somebody-else")
    return Scene()


def taken_by_a_streamed_run(bench: Bench, _played: Recording) -> Scene:
    """The one run that the app may have goes on; servers before 1.13 count streamed ones."""
    inputs = {"secs": "3"}
    bench.hold(inputs)
    bench.start("limited", inputs, "somebody-else").read(_at_work)
    return Scene()


def finished(bench: Bench, played: Recording) -> Scene:
    """The run has ended."""
    start = start_of(played)
    if start.is_streamed:
        return Scene(_ids(_started(bench, start).read()))
    return Scene({"run_id": bench.run(start.app, start.inputs, start.user)})


def just_left(bench: Bench, played: Recording) -> Scene:
    """The client has left the stream, and the run goes on."""
    start = start_of(played)
    bench.hold(start.inputs)
    live = _started(bench, start).read(_at_work)
    live.close()
    return Scene(_ids(live))


def left(bench: Bench, played: Recording) -> Scene:
    """The client has left the stream; the run has ended since, as far as it does."""
    start = start_of(played)
    live = _started(bench, start).read(_at_work)
    live.close()
    bench.wait_longer_than(10 if start.app == "slowsteps" else 3, start.app)
    return Scene(_ids(live))


# ----------------------------------------------------------------------------------------- stops


def _as_far_as(bench: Bench, events: Sequence[JSONObject]) -> Callable[[Live], bool]:
    """What tells whether as much of a stream has come as of the recorded one.

    A real model sends its text in as many pieces as it likes; one of them is enough.
    """

    def length(events: Sequence[JSONObject]) -> int:
        others = sum(event["event"] != "text_chunk" for event in events)
        texts = len(events) - others
        return others + (min(texts, 1) if bench.is_real else texts)

    return lambda live: length(live.events) >= length(events)


_UNTIL_STOPPED = 6.0
"""How long a node takes that is stopped, in seconds: the stop is to come first on any machine."""


@dataclass(frozen=True)
class Stop:
    """Who asks for a stop, and how.

    Args:
        app: App whose key is used; None for the run's own.
        user: Who asks; None for the run's user.
        by_run_id: Whether the run's id is given in place of the task's.
    """

    app: str | None = None
    user: str | None = None
    by_run_id: bool = False

    def _ask(self, bench: Bench, start: Start, ids: dict[str, str]) -> None:
        task_id = ids["run_id"] if self.by_run_id else ids["task_id"]
        bench.stop(self.app or start.app, task_id, self.user or start.user)

    def midway(self, bench: Bench, played: Recording) -> Scene:
        """The run is stopped while its stream is read, where the recording was."""
        start = start_of(played)
        ends = played.events[-1]["data"]["error"]  # None or empty where the stop was in vain
        stops = iter([lambda live: self._ask(bench, start, _ids(live))])

        is_due = _as_far_as(bench, played.events[:-1]) if ends else _at_work

        def midway(live: Live) -> None:
            if is_due(live):
                for stop in stops:
                    stop(live)

        if ends:
            bench.hold(start.inputs, _UNTIL_STOPPED)
        return Scene(midway=midway, is_stopped=True)

    def due(self, bench: Bench, played: Recording) -> Scene:
        """The run goes on, and the request asks for its stop."""
        scene = going_on(bench, played)
        if self.by_run_id:
            scene.ids["task_id"] = scene.ids["run_id"]
        return scene

    def asked(self, bench: Bench, played: Recording) -> Scene:
        """The stop has been asked for right now."""
        scene = going_on(bench, played)
        self._ask(bench, start_of(played), scene.ids)
        scene.is_stopped = True
        return scene

    def ended(self, bench: Bench, played: Recording) -> Scene:
        """The stop has been asked for, and the stream has ended."""
        start = start_of(played)
        if b"stopped" in played.body or b"succeeded" not in played.body:
            bench.hold(start.inputs, _UNTIL_STOPPED)
        starter = starter_of(played)
        before = starter.events[:-1] if starter else []
        live = _started(bench, start).read(_as_far_as(bench, before) if before else _at_work)
        self._ask(bench, start, _ids(live))
        return Scene(_ids(live.read()), is_stopped=True)

    def over(self, bench: Bench, played: Recording) -> Scene:
        """The stream has ended, and so has what the server went on with."""
        start = start_of(played)
        bench.hold(start.inputs)
        scene = self.ended(bench, played)
        bench.wait_longer_than(float(start.inputs["secs"]) / 4, start.app)
        return scene


OWN_STOP = Stop()
OTHER_USER = Stop(user="somebody-else")
OTHER_APP = Stop(app="echo")
RUN_ID = Stop(by_run_id=True)


# ----------------------------------------------------------------------------------------- forms


def paused(bench: Bench, played: Recording) -> Scene:
    """The run waits for a person."""
    start = start_of(played)
    if start.is_streamed:
        live = _started(bench, start).read()
        return Scene({**_ids(live), "form_token": live.form_token})
    body = {"inputs": start.inputs, "user": start.user, "response_mode": "blocking"}
    answer = bench.post(start.app, "/workflows/run", body)
    reasons = answer["data"].get("reasons") or [{"form_token": ""}]  # none before 1.14
    ids = {"run_id": answer["workflow_run_id"], "task_id": answer["task_id"]}
    return Scene({**ids, "form_token": reasons[0]["form_token"]})


def paused_and_stopped(bench: Bench, played: Recording) -> Scene:
    """The run was stopped while it waited."""
    scene, start = paused(bench, played), start_of(played)
    bench.stop(start.app, scene.ids["task_id"], start.user)
    return scene


def timed_out(bench: Bench, played: Recording) -> Scene:
    """Nobody has answered the form in time, which the emulator shortens."""
    assert bench.emulator
    scene, start = paused(bench, played), start_of(played)
    live = bench.listen(start.app, scene.ids["run_id"], start.user)
    live.read()
    return scene


def given_up(bench: Bench, played: Recording) -> Scene:
    """Nobody has answered for so long that the server has stopped the run; shortened too."""
    assert bench.emulator
    scene, start = paused(bench, played), start_of(played)
    while bench.get(start.app, f"/workflows/run/{scene.ids['run_id']}")["status"] == "paused":
        pass  # nobody who listens hears of it
    return scene


@dataclass(frozen=True)
class Answering:
    """Somebody answers the forms of a run.

    Args:
        before: The state that they find.
    """

    before: Preparation = paused

    def just(self, bench: Bench, played: Recording) -> Scene:
        """The form has been answered right now, and a worker has taken up the run."""
        scene, start = self.before(bench, played), start_of(played)
        bench.hold({})
        self._answer(bench, played, scene.ids["form_token"], answers_to_forms(played))
        while bench.get(start.app, f"/workflows/run/{scene.ids['run_id']}")["status"] == "paused":
            pass
        return scene

    def done(self, bench: Bench, played: Recording) -> Scene:
        """A form has been answered, and the run has ended or waits for another one."""
        scene, start = self.before(bench, played), start_of(played)
        live = bench.listen(start.app, scene.ids["run_id"], start.user)
        self._answer(bench, played, scene.ids["form_token"], answers_to_forms(played))
        if any(event["event"] == "human_input_required" for event in live.read().events):
            scene.ids["form_token"] = live.form_token
        return scene

    def midway(self, bench: Bench, played: Recording) -> Scene:
        """The forms are answered while somebody listens: as soon as they do, or see the pause."""
        scene = self.before(bench, played)
        answers = answers_to_forms(played)
        has_snapshot = "include_state_snapshot=true" in played.target
        answered: set[str] = set()

        def midway(live: Live) -> None:
            is_paused = live.events and live.events[-1]["event"] == "workflow_paused"
            if is_paused or (live.messages and not live.events and not has_snapshot):
                token = live.form_token if is_paused else scene.ids["form_token"]
                if token not in answered:
                    answered.add(token)
                    self._answer(bench, played, token, answers)

        scene.midway = midway
        return scene

    def _answer(
        self, bench: Bench, played: Recording, token: str, answers: Iterator[dict[str, object]]
    ) -> None:
        answer = next(answers, None)
        if answer is not None:
            start = start_of(played)
            body = {**answer, "user": start.user}
            bench.post(start.app, f"/form/human_input/{token}", body)


ANSWER = Answering()
ANSWER_TO_STOPPED = Answering(paused_and_stopped)
