"""A nightly job: which runs failed since yesterday, and why?

It prints the errors, the most frequent first, with the newest run of each. It exits with 1 if there
are any, which cron or a pipeline reports: python nightly_failures.py --hours 24
"""

import argparse
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from dify_workflow import DifyWorkflow, WorkflowLogs, WorkflowLogsRequest


def failures(workflow: DifyWorkflow, since: datetime) -> dict[str, list[WorkflowLogs]]:
    """Return the failed runs by the first line of their error, the most frequent first."""
    found = defaultdict(list)
    for row in workflow.iter_logs(WorkflowLogsRequest(status="failed"), since=since):
        reason = (row.message or "no reason given").strip().splitlines()[0]
        found[reason].append(row)
    return dict(sorted(found.items(), key=lambda each: -len(each[1])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24)
    since = datetime.now(UTC) - timedelta(hours=parser.parse_args().hours)
    with DifyWorkflow() as workflow:
        found = failures(workflow, since)
    print(f"{sum(map(len, found.values()))} failed runs since {since:%Y-%m-%d %H:%M} UTC")
    for reason, rows in found.items():
        newest = rows[0]
        when = datetime.fromtimestamp(newest.created_at, UTC)
        run_id = newest.workflow_run.id if newest.workflow_run else "a deleted run"
        print(f"{len(rows):6} × {reason}\n         last {when:%H:%M} UTC: {run_id}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
