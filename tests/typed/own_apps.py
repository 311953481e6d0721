"""What users' code with typed modules looks like to mypy and pyright; `make check` runs both.

Each line with `type: ignore` has a mistake: both checkers say so where one does not find it.
"""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_type

from apps.contracts import Contracts, ContractsInputs
from apps.form import Form
from apps.matrix import AsyncMatrix, Matrix
from apps.story import (
    AsyncStory,
    Story,
    StoryInputs,
    StoryNode,
    StoryNodes,
    StoryOutputs,
    StoryOutputsPublished,
    StoryRun,
)
from apps.weather import Weather

from dify_workflow import (
    AsyncDifyWorkflow,
    AsyncWorkflowStream,
    DifyWorkflow,
    OutputFile,
    UploadedFile,
    WorkflowFailedError,
    WorkflowFile,
    WorkflowRunResponse,
    WorkflowStream,
)


def use(*_values: object) -> None:
    """Look at values, so that a line is no expression alone."""


def inputs(client: DifyWorkflow, upload: UploadedFile) -> None:
    story = Story(client)
    assert_type(story.run({"topic": "boxes"}), WorkflowRunResponse[StoryOutputs])
    assert_type(story.run(topic="boxes", style="loud", user="Ann", deadline=60), StoryRun)
    given: StoryInputs = {"topic": "boxes", "style": "plain"}
    story.run(given, user="Ann", timeout=None, response_mode="blocking", stop_on_deadline=True)
    Matrix(client).run()
    Contracts(client).run(contract=Path("a.pdf"), annexes=[Path("b.pdf"), upload])
    Contracts(client).run(contract=WorkflowFile.remote("https://example.com/a", type="document"))
    Form(client).run({"姓名": "Ann", "class": "first", "address": {"street": "1"}})

    story.run()  # type: ignore[call-overload]
    story.run({})  # type: ignore[call-overload]
    story.run(topc="boxes")  # type: ignore[call-overload]
    story.run(topic=3)  # type: ignore[call-overload]
    story.run(topic="boxes", style="shy")  # type: ignore[call-overload]
    story.run({"topic": "boxes", "style": "shy"})  # type: ignore[call-overload]
    story.run({"topic": "boxes"}, sped=3)  # type: ignore[call-overload]
    story.submit({"topic": "boxes"}, deadline=3)  # type: ignore[call-overload]
    wrong: StoryInputs = {"topic": "boxes", "stlye": "plain"}  # type: ignore[typeddict-unknown-key]
    missing: StoryInputs = {"style": "plain"}  # type: ignore[typeddict-item]
    number: StoryInputs = {"topic": 3}  # type: ignore[typeddict-item]
    text: ContractsInputs = {"contract": "a.pdf"}  # type: ignore[typeddict-item]
    use(wrong, missing, number, text)


def outputs(client: DifyWorkflow) -> None:
    weather = Weather(client).run(city="Oslo").raise_for_status().outputs
    assert_type(weather["days"], list[str])
    assert_type(weather["status"], int)
    assert_type(weather["wind"], int | float)
    assert_type(weather["pictures"], list[OutputFile])
    assert_type(weather["place"], Any)
    use(weather["dayz"])  # type: ignore[typeddict-item]
    status: str = weather["status"]  # type: ignore[assignment]
    use(status)

    run = Story(client).run(topic="boxes").raise_for_status()
    if "words" in run.outputs:
        assert_type(run.outputs, StoryOutputsPublished)
        assert_type(run.outputs["words"], int | float)
    else:
        assert_type(run.outputs["note"], str | None)


def nodes(stream: WorkflowStream[StoryOutputs]) -> None:
    node: StoryNode = StoryNodes.WRITE
    use(stream.node_outputs()[node])
    unknown: StoryNode = "1760000000009"  # type: ignore[assignment]
    use(unknown, StoryNodes.WRITES)  # type: ignore[attr-defined]


def streams(client: DifyWorkflow) -> None:
    stream = Story(client).stream(topic="boxes")
    assert_type(stream, WorkflowStream[StoryOutputs])
    assert_type(stream.result(), StoryRun)
    started = Story(client).submit(topic="boxes")
    assert_type(Story(client).wait(started.id, deadline=60), StoryRun)


async def async_(client: AsyncDifyWorkflow) -> None:
    story = AsyncStory(client)
    assert_type(await story.run(topic="boxes", style="loud"), StoryRun)
    assert_type(await story.run({"topic": "boxes"}, user="Ann"), StoryRun)
    async with story.stream(topic="boxes") as stream:
        assert_type(stream, AsyncWorkflowStream[StoryOutputs])
        assert_type(await stream.result(), StoryRun)
    assert_type(await story.wait((await story.submit(topic="boxes")).id), StoryRun)
    await AsyncMatrix(client).run()
    await story.run(topc="boxes")  # type: ignore[call-overload]


@dataclass
class Words:
    text: str
    words: int


def models(run: StoryRun, plain: WorkflowRunResponse) -> None:
    assert_type(run.outputs_as(Words), Words)
    assert_type(plain.outputs_as(StoryOutputsPublished), StoryOutputsPublished)
    assert_type(plain.outputs, dict[str, Any])


def show(run: WorkflowRunResponse[Any]) -> None:
    use(run.outputs)


def count(run: WorkflowRunResponse[Mapping[str, object]]) -> int:
    return len(run.outputs)


def where_a_plain_run_is_taken(run: StoryRun, plain: WorkflowRunResponse) -> WorkflowFailedError:
    show(run)
    show(plain)
    use(count(run) + count(plain))
    return WorkflowFailedError("It failed.", result=run)
