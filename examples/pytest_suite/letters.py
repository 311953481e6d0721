"""The code under test: it writes letters with a workflow, and has a fallback."""

from dify_workflow import DifyError, DifyWorkflow

PLAN_B = "Dear customer, we will write to you tomorrow."


def letter_to(name: str) -> str:
    """Write a letter. The key and the address come from the environment, as in production."""
    with DifyWorkflow(max_retries=0) as workflow:
        try:
            run = workflow.run_workflow({"name": name}, deadline=30)
        except DifyError:
            return PLAN_B
    return str(run.outputs["letter"]) if run.status == "succeeded" else PLAN_B
