"""Apps with an iteration or a loop."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from dify_workflow.emulator import (
    BeginNode,
    EndNode,
    Input,
    Iteration,
    Loop,
    NodeError,
    Text,
    Workflow,
    workflow,
)
from support.apps.failing import raised
from support.apps.steps import Body, JSONObject, Pace, code


def iterating_apps(pace: Pace) -> list[Workflow]:
    def gen(n: int) -> Generator[Any, Any, list[int]]:
        numbers = list(range(1, n + 1))
        yield from code("gen", "Gen", {"n": n}, {"result": numbers})
        return numbers

    def times_ten(x: int, _index: int) -> Generator[Any, Any, int]:
        yield BeginNode("inner", "code", "Inner", {"x": x})
        if x == 2:
            yield EndNode("inner", status="failed", error=raised("two!"))
            raise NodeError(raised("two!"))
        yield EndNode("inner", {"result": 10 * x})
        return 10 * x

    def plus_index(x: int, index: int) -> Generator[Any, Any, int]:
        yield from code("inner", "Inner", {"x": x, "i": index}, {"result": 10 * x + index})
        return 10 * x + index

    def same(x: int, _index: int) -> Generator[Any, Any, int]:
        kind = "variable-aggregator"
        yield pace.sleep(0.06)
        yield from code("inner", "Inner", {"item": x}, {"output": x}, kind=kind)
        return x

    def iterating(name: str, each: Any, **options: Any) -> Workflow:
        @workflow(Input("n", "number"), name=name)
        def app(inputs: JSONObject) -> Body:
            numbers = yield from gen(inputs["n"])
            results = yield Iteration("iter", numbers, each, "Iteration", **options)
            yield Text("\n".join(f"- {result}" for result in results), ("iter", "output"))
            return {"output": results}

        return app

    return [
        iterating("iter", plus_index),
        iterating("itercont", times_ten, on_error="continue-on-error"),
        iterating("iterparallel", times_ten, parallel=True, on_error="remove-abnormal-output"),
        iterating("manysteps", same),
    ]


def loop(*, has_variables: bool) -> Workflow:
    @workflow()
    def loop(_inputs: JSONObject) -> Body:
        def each(_index: int, variables: JSONObject) -> Generator[Any, Any, JSONObject | None]:
            yield BeginNode("assign", "assigner", "Assign", {"version": "2"})
            if not has_variables:
                error = "Variable ['loop', 'num'] not found"
                yield EndNode("assign", status="failed", error=error)
                raise NodeError(error)
            num = variables["num"] + 1
            yield EndNode("assign", process_data={"num": num})
            return {"num": num}

        def is_over(variables: JSONObject) -> bool:
            return bool(variables["num"] >= 3)

        variables = yield Loop("loop", each, 10, {"num": 0}, "Loop", is_over)
        yield Text(str(variables["num"]), ("loop", "num"))
        return {"num": variables["num"]}

    return loop
