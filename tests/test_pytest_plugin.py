"""The pytest plugin, in pytest runs of its own."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from pathlib import Path

import pytest

import dify_workflow_pytest
from dify_workflow.emulator import Emulator
from support.exports import end, export

pytest_plugins = ["pytester"]

GREET = """
import pytest
from dify_workflow.emulator import Input, node, workflow

@workflow(Input("name"))
def greet(inputs):
    yield from node("think")
    return {"greeting": f"Hello {inputs['name']}"}

@pytest.fixture(scope="session")
def dify_workflows():
    return [greet]
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A user's project with this plugin alone, in which every warning is an error."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "dify_workflow_pytest")
    pytester.makeini("[pytest]\nfilterwarnings = error")
    pytester.makeconftest(GREET)
    return pytester


def passed(project: pytest.Pytester, *arguments: str) -> int:
    """How many tests pass in a process of its own, where nothing else comes of any."""
    result = project.runpytest_subprocess(*arguments)
    outcomes = result.parseoutcomes()
    assert (result.ret, set(outcomes)) == (0, {"passed"}), result.stdout.str()
    return outcomes["passed"]


def test_the_key_of_the_environment_is_that_of_what_is_served(project: pytest.Pytester) -> None:
    (project.path / "app.yml").write_text(json.dumps(export(end())), encoding="utf-8")
    project.makepyfile("""
        import os
        from dify_workflow import DifyWorkflow

        def test_exported(dify_emulator):
            assert os.environ["DIFY_API_KEY"] == "app-greet"
            dify_emulator.app_from_dsl("app.yml")
            assert os.environ["DIFY_API_KEY"] == "app-app"
            with DifyWorkflow() as client:
                assert client.run_workflow({}).raise_for_status().outputs == {}

        def test_afterwards(dify_emulator):
            assert os.environ["DIFY_API_KEY"] == "app-greet"
            assert [each.name for each in dify_emulator.workflows] == ["greet"]

        def test_without():
            assert "DIFY_API_KEY" not in os.environ
    """)
    assert passed(project, "-p", "no:randomly") == 3


def test_hosts_that_the_project_names_are_answered(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import httpx, pytest

        def status(emulator, host):
            headers = {"Host": host, "Authorization": "Bearer app-greet"}
            return httpx.get(f"{emulator.base_url}/parameters", headers=headers).status_code

        class TestInCompose:
            @pytest.fixture
            def dify_allowed_hosts(self):
                return ["emulator"]

            def test_named(self, dify_emulator, dify_workflow):
                assert status(dify_emulator, "emulator:8000") == 200
                assert dify_workflow.run_workflow({"name": "Ann"}).outputs["greeting"]

        def test_other(dify_emulator):
            assert status(dify_emulator, "emulator:8000") == 403
    """)
    assert passed(project) == 2


# --------------------------------------------------------------------------------- its cost


REPORT = """
import json, pathlib, sys

def pytest_sessionfinish():
    pathlib.Path("modules.json").write_text(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("arguments", [["--collect-only"], []])
def test_nothing_is_imported_before_a_fixture_is_used(
    pytester: pytest.Pytester, arguments: list[str]
) -> None:
    others = ["anyio", "asyncio", "hypothesispytest", "pytest_cov", "randomly", "trio"]
    pytester.makeconftest(REPORT)
    pytester.makepyfile("def test_other(): pass")
    pytester.runpytest_subprocess(*(f"-pno:{name}" for name in others), *arguments)
    modules = set(json.loads(Path("modules.json").read_text(encoding="utf-8")))
    assert "dify_workflow_pytest" in modules, "found by its entry point"
    heavy = {
        "dify_workflow",
        "dify_workflow_api",
        "httpx",
        "starlette",
        "uvicorn",
        "anyio",
        "attrs",
    }
    assert not heavy & modules


def test_without_the_extra_a_fixture_says_what_it_needs(project: pytest.Pytester) -> None:
    project.makeconftest("""
        import sys

        class Missing:
            @staticmethod
            def find_spec(name, path, target=None):
                if name == "starlette":
                    raise ModuleNotFoundError("No module named 'starlette'", name=name)

        sys.meta_path.insert(0, Missing)
    """)
    project.makepyfile("def test_it(dify_emulator): pass\ndef test_other(): pass")
    result = project.runpytest_subprocess()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*pip install 'dify-workflow?emulator?'*"])


# ------------------------------------------------------------------------------- the fixtures


def test_the_fixtures_run_a_users_own_workflow(project: pytest.Pytester) -> None:
    project.makepyfile("""
        def test_it(dify_workflow, dify_emulator):
            run = dify_workflow.run_workflow({"name": "Ann"})
            assert run.outputs == {"greeting": "Hello Ann"}
            assert dify_emulator.requests[-1].path == "/workflows/run"
    """)
    assert passed(project) == 1


def test_what_the_code_under_test_sent_can_be_asserted(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest
        from dify_workflow import BadRequestError, DifyWorkflow

        def test_it(dify_workflow, dify_emulator):
            dify_workflow.run_workflow({"name": "Ann"}, user="ann", extra_headers={"X-Shop": "1"})
            sent = dify_emulator.requests[-1]
            assert sent.json["inputs"] == {"name": "Ann"}
            assert sent.json["response_mode"] == "streaming"
            assert sent.user == "ann"
            assert sent.headers["x-shop"] == sent.headers["X-Shop"] == "1"
            assert sent.headers["authorization"].startswith("Bearer app-")
            assert "app-" not in repr(sent)

        def test_a_refused_run(dify_workflow, dify_emulator):
            unchecked = dify_workflow.with_options(check_inputs=False)
            with pytest.raises(BadRequestError):
                unchecked.run_workflow({}, response_mode="blocking")
            assert dify_emulator.requests[-1].json["inputs"] == {}

        def test_a_wrong_key(dify_workflow, dify_emulator):
            with pytest.raises(Exception):
                dify_workflow.run_workflow(inputs={}, api_key="app-of-nobody")
            assert dify_emulator.requests[-1].headers["authorization"] == "Bearer app-of-nobody"

        def test_others(dify_workflow, dify_emulator):
            dify_workflow.upload_file(b"x", filename="a.txt", user_id="bob")
            upload = dify_emulator.requests[-1]
            assert (upload.user, upload.json, upload.body) == ("bob", None, b"")
            dify_workflow.logs()
            listed = dify_emulator.requests[-1]
            assert (listed.user, listed.json) == (None, None)
    """)
    assert passed(project) == 4


@pytest.mark.parametrize(
    ("backend", "arguments", "expected"),
    [
        ("asyncio", ["-pasyncio", "-oasyncio_default_fixture_loop_scope=function"], 2),
        ("anyio", ["-panyio"], 4),  # on asyncio and on trio
        ("trio", ["-ptrio"], 2),
    ],
)
def test_the_async_client_serves_each_event_loop_and_leaves_nothing_open(
    project: pytest.Pytester, backend: str, arguments: list[str], expected: int
) -> None:
    project.makepyfile(f"""
        import gc
        import pytest

        @pytest.fixture(autouse=True)
        def collected():
            yield
            gc.collect()  # what is left open warns now

        @pytest.mark.{backend}
        @pytest.mark.parametrize("number", range(2))
        async def test_it(async_dify_workflow, number):
            run = await async_dify_workflow.run_workflow({{"name": "Ann"}})
            assert run.outputs == {{"greeting": "Hello Ann"}}
            async with async_dify_workflow.run_workflow_stream({{"name": "Bob"}}) as stream:
                async for event in stream:
                    break
            await async_dify_workflow.info(run.id)
    """)
    # httpx leaves generators of streams to the garbage collector, at which trio warns.
    ignored = "-Wignore:Async generator:ResourceWarning"
    assert passed(project, *arguments, ignored) == expected


FIXTURES = [name for name in vars(dify_workflow_pytest) if re.match(r"(async_)?dify_", name)]


@pytest.mark.parametrize("name", FIXTURES)
def test_each_fixture_has_an_example_that_passes(project: pytest.Pytester, name: str) -> None:
    text = inspect.getdoc(getattr(dify_workflow_pytest, name)) or ""
    assert re.search(r"^(Returns|Yields):$", text, re.MULTILINE), name
    example = textwrap.dedent(text.partition("Example::\n\n")[2])
    assert 2 <= len(example.splitlines()) <= 5, name
    uses = "def test_use(dify_emulator): assert dify_emulator.base_url"
    project.makepyfile(f"import pytest\nfrom conftest import greet\n\n{example}\n\n{uses}")
    # httpx leaves generators of streams to the garbage collector, at which trio warns.
    assert passed(project, "-panyio", "-Wignore:Async generator:ResourceWarning")


def test_each_test_finds_an_emulator_that_knows_nothing(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_it(dify_workflow, dify_emulator, number):
            assert dify_emulator.requests == []
            assert dify_workflow.logs().data == ()
            dify_workflow.run_workflow({"name": "Ann"})
            dify_emulator.faults.answer(503, times=None)
    """)
    assert passed(project) == 3


def test_one_server_serves_all_tests_and_runs_end_with_theirs(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import time
        import pytest
        from dify_workflow.emulator import node, workflow

        seen = set()

        @workflow()
        def endless(inputs):
            yield from node("wait", seconds=3600)

        @pytest.fixture
        def dify_workflows():
            return [endless]

        @pytest.mark.parametrize("number", range(3))
        def test_it(dify_workflow, dify_emulator, number):
            seen.add(dify_emulator.base_url)
            assert len(seen) == 1
            stream = dify_workflow.run_workflow_stream({})
            with stream:
                next(stream)
            assert dify_workflow.info(stream.run_id).status == "running"
    """)
    assert passed(project) == 3


def test_code_that_makes_its_client_from_the_environment_reaches_the_emulator(
    project: pytest.Pytester,
) -> None:
    project.makepyfile("""
        import os
        from dify_workflow import DifyWorkflow

        def test_it(dify_emulator):
            with DifyWorkflow() as client:
                assert client.run_workflow({"name": "Ann"}).outputs == {"greeting": "Hello Ann"}

        def test_the_environment_is_as_before():
            assert "DIFY_BASE_URL" not in os.environ
    """)
    assert passed(project) == 2


def test_workflows_and_version_are_named_in_any_scope(project: pytest.Pytester) -> None:
    for scope in ("function", "class", "module", "session"):
        source = f"""
            import pytest
            from dify_workflow.emulator import node, workflow

            @workflow()
            def other(inputs):
                yield from node("a")
                return {{"scope": "{scope}"}}

            @pytest.fixture(scope="{scope}")
            def dify_workflows():
                return [other]

            @pytest.fixture(scope="{scope}", params=["1.0", "1.9"])
            def dify_server_version(request):
                return request.param

            def test_it(dify_workflow, dify_server_version):
                assert dify_workflow.run_workflow({{}}).outputs == {{"scope": "{scope}"}}
                assert dify_workflow.server_version.startswith(dify_server_version)
        """
        project.makepyfile(**{f"test_{scope}": source})
    project.makepyfile("""
        def test_it(dify_workflow):
            assert dify_workflow.run_workflow({"name": ""}).outputs == {"greeting": "Hello "}
    """)
    assert passed(project) == 9


def test_without_workflows_of_its_own_a_project_gets_the_built_in_ones(
    project: pytest.Pytester,
) -> None:
    project.makeconftest("")
    project.makepyfile("""
        def test_it(dify_emulator):
            with dify_emulator.client("echo") as client:
                assert client.run_workflow({"name": "Ann"}).outputs == {"greeting": "Ann"}
    """)
    assert passed(project) == 1


def test_faults_hold_for_one_test(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest
        from dify_workflow import RateLimitError, StreamInterruptedError

        def test_cut(dify_emulator, dify_workflow):
            dify_emulator.faults.cut_stream(after_events=3)
            plain = dify_workflow.with_options(recover=False)
            with plain.run_workflow_stream({"name": "Ann"}) as stream:
                with pytest.raises(StreamInterruptedError):
                    for event in stream:
                        pass

        def test_limit(dify_emulator):
            dify_emulator.faults.answer(429, retry_after=1)
            with dify_emulator.client(max_retries=0) as client, pytest.raises(RateLimitError):
                client.logs()

        def test_whole(dify_workflow):
            assert dify_workflow.run_workflow({"name": "Ann"}).status == "succeeded"
    """)
    assert passed(project) == 3


@pytest.mark.slow
def test_workers_of_xdist_have_an_emulator_each(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.parametrize("number", range(8))
        def test_it(dify_workflow, number):
            for _ in range(3):
                dify_workflow.run_workflow({"name": "Ann"})
            assert len(dify_workflow.logs().data) == 3
    """)
    assert passed(project, "-pxdist", "-n2") == 8


def test_the_default_version_is_the_emulators() -> None:
    fixture = dify_workflow_pytest.dify_server_version.__wrapped__  # type: ignore[attr-defined]  # pytest's
    assert fixture() == inspect.signature(Emulator).parameters["server_version"].default
