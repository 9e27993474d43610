"""Run and be killed: `python -m tests.killed_run POINT run --today ...` dies at a commit point.

Instead of the arguments of `meshcast`, `job` or `job=partition` runs one Dagster job, as its page
would.
"""

from __future__ import annotations

import os
import signal
import sys

from dagster_project import warehouse


def die_at(wanted: str) -> None:
    """Let the process be killed where the commit point is reached, before others import it."""

    def reached(name: str) -> None:
        if name == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    warehouse.commit_point = reached


if __name__ == "__main__":
    die_at(sys.argv.pop(1))
    if sys.argv[1] != "run":
        from tests.dagster_jobs import run_jobs

        run_jobs(sys.argv[1:])
    else:
        from dagster_project.cli import app

        app(prog_name="meshcast")
