"""Runs a workflow, and asks you in the terminal when it waits for a person.

DIFY_API_KEY=app-approval python approve.py topic=boxes
"""

import sys

from dify_workflow import DifyError, DifyWorkflow, FormReply, HumanInputForm


def ask(form: HumanInputForm) -> FormReply:
    """Show a form, and return the id of an action and the value of each field."""
    print(f"\n{form.content.strip()}\n")
    values = {}
    for field in form.inputs:
        name = field.output_variable_name
        constant = field.default.value if field.default else ""
        default = form.default_values.get(name, constant)
        values[name] = input(f"{name} [{default}]: ") or default
    for number, action in enumerate(form.actions, 1):
        print(f"  {number}. {action.title}")
    while True:
        answer = input("Your choice: ")
        if answer.isdecimal() and 0 < int(answer) <= len(form.actions):
            return form.actions[int(answer) - 1].id, values


def main() -> int:
    inputs = dict(argument.split("=", 1) for argument in sys.argv[1:])
    with DifyWorkflow() as workflow:
        try:
            run = workflow.run_workflow(inputs, on_human_input=ask).raise_for_status()
        except DifyError as error:
            print(error, file=sys.stderr)
            return 1
    for name, value in run.outputs.items():
        print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
