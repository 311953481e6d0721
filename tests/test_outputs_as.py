"""`outputs_as` reads the outputs of a run as a model of the user, and lists what does not fit."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, NewType, NotRequired, Required, TypedDict

import attrs
import pydantic
import pytest

from dify_workflow import (
    OutputFile,
    OutputsMismatchError,
    WorkflowFailedError,
    WorkflowPausedError,
    WorkflowRunResponse,
)

OUTPUTS: dict[str, Any] = {
    "text": "A story",
    "words": 2,
    "score": 1,
    "tags": ["a", "b"],
    "author": {"name": "Ann", "age": None},
    "style": "loud",
}


class Author(TypedDict):
    name: str
    age: int | None


class Story(TypedDict, total=False):
    text: Required[str]
    words: Required[int]
    score: float
    tags: list[str]
    author: Author
    style: Annotated[Literal["plain", "loud"], "how it is told"]
    more: NotRequired[str]


@dataclass
class Person:
    name: str
    age: int | None


@dataclass
class DataStory:
    text: str
    words: int
    author: Person
    tags: Sequence[str] = ()
    more: str = "none"
    length: int = field(init=False, default=0)


@attrs.frozen
class AttrsStory:
    text: str
    _words: int
    author: Person
    more: dict[str, int] = attrs.Factory(dict[str, int])


class PydanticStory(pydantic.BaseModel):
    text: str
    words: int
    author: Person


def run_with(
    outputs: Mapping[str, Any] = OUTPUTS, status: str = "succeeded"
) -> WorkflowRunResponse[Any]:
    return WorkflowRunResponse("the-run", status, outputs=dict(outputs))


def problems(model: Any, **changed: Any) -> tuple[str, ...]:
    with pytest.raises(OutputsMismatchError) as caught:
        run_with({**OUTPUTS, **changed}).outputs_as(model)
    assert all(each in str(caught.value) for each in caught.value.problems)
    return caught.value.problems


def test_a_typed_dict_gives_the_outputs_as_they_are() -> None:
    run = run_with()
    assert run.outputs_as(Story) is run.outputs


def test_classes_are_made_and_so_are_those_in_them() -> None:
    ann = Person("Ann", None)
    assert run_with().outputs_as(DataStory) == DataStory("A story", 2, ann, ["a", "b"])
    assert run_with({**OUTPUTS, "_words": 2}).outputs_as(AttrsStory) == AttrsStory(
        "A story", 2, ann
    )
    assert run_with().outputs_as(PydanticStory).author == ann


def test_every_mismatch_is_listed_at_once() -> None:
    wrong = {"text": None, "words": True, "score": "1", "tags": ["a", 3], "style": "shy"}
    assert problems(Story, **wrong, author={"name": 3}) == (
        "outputs['text'] is None, not str",
        "outputs['words'] is bool, not int",
        "outputs['score'] is str, not float",
        "outputs['tags'][1] is int, not str",
        "outputs['author']['name'] is int, not str",
        "outputs['author']['age'] is missing; present: 'name'",
        "outputs['style'] is 'shy', not one of 'plain', 'loud'",
    )
    assert problems(DataStory, author="Ann") == ("outputs['author'] is str, not Person",)


Words = NewType("Words", int)


@attrs.frozen
class Checked:
    words: int = attrs.field(validator=attrs.validators.gt(3))
    style: bytes = attrs.field(converter=str.encode)


@dataclass
class Holder:
    author: Checked
    words: Words


def test_what_a_class_checks_and_converts_itself_counts_too() -> None:
    assert run_with({"words": 4, "style": "loud"}).outputs_as(Checked) == Checked(4, "loud")
    assert problems(Holder, author={"words": 2, "style": "loud"}, words="2") == (
        "outputs['author'] cannot be Checked: 'words' must be > 3: 2",
        "outputs['words'] is str, not int",
    )


def test_a_class_whose_types_cannot_be_read_is_named() -> None:
    class Inner(TypedDict):
        text: str

    class Outer(TypedDict):
        inner: Inner

    with pytest.raises(TypeError, match="The types of Outer cannot be read"):
        run_with().outputs_as(Outer)


def test_a_missing_name_is_shown_beside_those_that_there_are() -> None:
    class Other(TypedDict):
        title: str

    (problem,) = problems(Other)
    assert problem.startswith("outputs['title'] is missing; present: 'text', 'words'")


def test_pydantic_says_what_does_not_fit_a_pydantic_model() -> None:
    found = problems(PydanticStory, words="many", author={"age": 3})
    assert [each.split(" ")[0] for each in found] == [
        "outputs['words']",
        "outputs['author']['name']",
    ]


def test_a_union_is_the_first_of_its_models_that_fits_or_the_nearest_one() -> None:
    class Failed(TypedDict):
        why: str
        where: str

    assert run_with({"why": "x", "where": "y"}).outputs_as(Story | Failed) == {
        "why": "x",
        "where": "y",
    }  # type: ignore[arg-type, comparison-overlap]  # type checkers know no unions here
    with pytest.raises(OutputsMismatchError) as caught:
        run_with({"why": "x"}).outputs_as(Story | Failed)  # type: ignore[arg-type]  # likewise
    assert caught.value.problems == ("outputs['where'] is missing; present: 'why'",)


def test_whole_numbers_are_numbers_but_true_is_not() -> None:
    class Numbers(TypedDict):
        a: float
        b: int | float
        c: object

    assert run_with({"a": 1, "b": 2.5, "c": [1]}).outputs_as(Numbers)
    with pytest.raises(OutputsMismatchError, match="is bool, not float"):
        run_with({"a": True, "b": 1, "c": None}).outputs_as(Numbers)
    with pytest.raises(OutputsMismatchError, match="is str, not int or float"):
        run_with({"a": 1, "b": "1", "c": None}).outputs_as(Numbers)


def test_a_file_fits_what_servers_give() -> None:
    class Made(TypedDict):
        file: OutputFile

    old = {
        "dify_model_identity": "__dify__file__",
        "id": None,
        "tenant_id": "t",
        "type": "document",
        "transfer_method": "local_file",
        "remote_url": "",
        "related_id": "r",
        "filename": "a.txt",
        "extension": ".txt",
        "mime_type": "text/plain",
        "size": 10,
        "url": "http://example.com/a",
    }
    assert run_with({"file": old}).outputs_as(Made)["file"]["size"] == 10


def test_the_error_for_a_type_that_json_lacks_names_pydantic() -> None:
    class When(TypedDict):
        text: datetime

    (problem,) = problems(When)
    assert problem == (
        "outputs['text'] is str, and datetime is not a JSON type; use a pydantic model, which "
        "converts it (pip install pydantic)"
    )


@pytest.mark.parametrize("model", [int, dict, "Story", list[str], object])
def test_a_class_that_is_not_a_model_is_refused(model: Any) -> None:
    with pytest.raises(TypeError, match=r"an attrs class or a pydantic model \(pip install"):
        run_with().outputs_as(model)


def test_a_run_without_outputs_raises_its_status_and_not_a_mismatch() -> None:
    with pytest.raises(WorkflowFailedError):
        run_with({}, status="failed").outputs_as(Story)
    with pytest.raises(WorkflowPausedError):
        run_with({}, status="paused").outputs_as(Story)
    with pytest.raises(OutputsMismatchError, match=r"the-run \(running\)"):
        run_with({}, status="running").outputs_as(Story)


def test_the_error_names_the_run_and_survives_a_pickle() -> None:
    with pytest.raises(OutputsMismatchError) as caught:
        run_with({}).outputs_as(Story)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.run_id, again.outcome) == ("the-run", "ended")
    assert again.problems == caught.value.problems


def test_a_run_whose_outputs_have_a_type_is_the_same_run() -> None:
    typed = WorkflowRunResponse[Story]("the-run", "succeeded", outputs={"text": "", "words": 1})
    plain: WorkflowRunResponse[Any] = run_with({"text": "", "words": 1})
    assert typed == plain
    assert pickle.loads(pickle.dumps(typed)) == copy.copy(typed) == attrs.evolve(typed)
    assert attrs.asdict(typed)["outputs"] == {"text": "", "words": 1}
    assert repr(typed) == repr(plain)
    assert WorkflowRunResponse("a", "running").outputs == {}
