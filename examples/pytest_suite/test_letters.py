"""Tests of code that runs a workflow: a real server on loopback, nothing patched."""

import pytest

from dify_workflow.emulator import Emulator
from letters import PLAN_B, letter_to


def test_a_letter_has_the_name(dify_emulator: Emulator) -> None:
    assert letter_to("Ann") == "Dear Ann,\nall is well."
    assert dify_emulator.requests[-1].path == "/workflows/run"


@pytest.mark.usefixtures("dify_emulator")
def test_a_workflow_that_fails_means_plan_b() -> None:
    assert letter_to("Bobby Tables") == PLAN_B


@pytest.mark.usefixtures("dify_emulator")
def test_a_name_too_long_means_plan_b() -> None:
    assert letter_to("A" * 41) == PLAN_B


def test_a_server_in_trouble_means_plan_b(dify_emulator: Emulator) -> None:
    dify_emulator.faults.answer(503, times=None)
    assert letter_to("Ann") == PLAN_B


def test_a_connection_that_breaks_does_not_matter(dify_emulator: Emulator) -> None:
    dify_emulator.faults.cut_stream(after_events=4)
    assert letter_to("Ann") == "Dear Ann,\nall is well."
