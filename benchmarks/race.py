"""Rounds in which all contestants of a case run in turn, each in a new process."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field, replace

from .cases import Case, Unit
from .environments import CONTESTANTS, python
from .server import prepare

LAP = CONTESTANTS.parent / "lap.py"
_PATIENCE = 120
"""Seconds after which a lap is aborted."""


@dataclass(frozen=True)
class Course:
    """The extent of the measurement.

    Args:
        base_url: Base URL of the server.
        rounds: Number of rounds of a long lap.
        scale: Part of each amount, for a quick measurement.
    """

    base_url: str
    rounds: int
    scale: float = 1.0

    def amount(self, case: Case) -> int:
        """Return the scaled amount of the case's scene."""
        return max(10, int(case.amount * self.scale))

    def scene(self, case: Case) -> str:
        """Return the name of the case's scene, with its amount."""
        return f"{case.scene}/{self.amount(case)}"

    def rounds_of(self, case: Case) -> int:
        """Return the number of rounds of the case."""
        return min(self.rounds * case.times, case.rounds)

    def repeat(self, case: Case) -> int:
        """Return the scaled number of calls of the case's method in one process."""
        return max(1, int(case.repeat * self.scale))


@dataclass
class Result:
    """The result of a contestant in a case.

    Args:
        case: The case.
        contestant: The contestant.
        amount: The amount of its scene.
        figures: Seconds or bytes, of each round.
        ratios: The same, divided by the figure of the compared contestant in the same round.
        cpu: Seconds of processor time, of each round.
    """

    case: Case
    contestant: str
    amount: int
    figures: list[float] = field(default_factory=list[float])
    ratios: list[float] = field(default_factory=list[float])
    cpu: list[float] = field(default_factory=list[float])

    @property
    def median(self) -> float:
        """The median ratio."""
        return statistics.median(self.ratios)

    @property
    def microseconds(self) -> float:
        """Return the time of one event, if the scene consists of events."""
        return statistics.median(self.figures) / self.amount * 1e6

    @property
    def has_target(self) -> bool:
        """Whether the case's target is for this contestant."""
        return self.contestant.startswith("dify_workflow")

    @property
    def is_judged(self) -> bool:
        """Whether it is this client, or what it is compared with."""
        return self.has_target or self.contestant == self.case.against

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        return self.median <= self.target

    @property
    def target(self) -> float:
        """The upper limit for the contestant."""
        return self.case.targets.get(self.contestant, self.case.target)


def race(case: Case, course: Course) -> list[Result]:
    """Run the contestants of a case, round by round; in further rounds only those with a target."""
    results = [Result(case, contestant, course.amount(case)) for contestant in case.contestants]
    if case.method not in {"import", "open"}:
        prepare(course.base_url, course.scene(case))
    for result in results:
        _lap(replace(case, method="import"), result.contestant, course)  # Python compiles it
    for number in range(course.rounds_of(case)):
        runners = [result for result in results if number < course.rounds or result.is_judged]
        first = number % len(runners)  # the order changes from round to round
        for result in runners[first:] + runners[:first]:
            _run(result, course)
            _tell(f"{case.name}: round {number + 1}, {result.contestant}")
        for result in runners:
            result.ratios.append(result.figures[-1] / _one(case, results))
    _tell("")
    return results


def _run(result: Result, course: Course) -> None:
    costs = _lap(result.case, result.contestant, course)
    result.figures.append(costs[result.case.measure])
    result.cpu.append(costs.get("cpu", 0.0))


def _lap(case: Case, contestant: str, course: Course) -> dict[str, float]:
    order = {
        "contestant": str(CONTESTANTS / f"{contestant}.py"),
        "base_url": course.base_url,
        "method": case.method,
        "scene": course.scene(case),
        "warm_up": case.warm_up,
        "repeat": course.repeat(case),
    }
    # -P: a file beside lap.py must not replace a library of the same name.
    done = subprocess.run(
        [python(contestant), "-P", str(LAP), json.dumps(order)],
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},  # as for an installed package
        stdout=subprocess.PIPE,
        text=True,
        timeout=_PATIENCE,
    )
    costs: dict[str, float] = json.loads(done.stdout)
    return costs


def _one(case: Case, results: list[Result]) -> float:
    """Return what counts as 1 in the last round."""
    if isinstance(case.against, Unit):
        return case.against.size
    return next(result for result in results if result.contestant == case.against).figures[-1]


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{what:<70}", end="" if what else "\r", file=sys.stderr, flush=True)
