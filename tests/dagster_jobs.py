"""Run Dagster jobs as its own tools would: `python -m tests.dagster_jobs ingest job=partition`."""

from __future__ import annotations

import sys

import dagster as dg

from dagster_project.assets.forecast import ORIGINS
from dagster_project.definitions import build_definitions
from dagster_project.interrupted import end_interrupted_runs
from dagster_project.pipeline import prepare_dagster_home
from dagster_project.settings import load_settings


def run_jobs(arguments: list[str]) -> None:
    """Run each job, `name` or `name=partition`, in this process and on the environment's home."""
    settings = load_settings()
    prepare_dagster_home(settings)
    definitions = build_definitions(settings)
    with dg.DagsterInstance.get() as instance:
        end_interrupted_runs(instance)
        for argument in arguments:
            name, _, key = argument.partition("=")
            if key:
                instance.add_dynamic_partitions(ORIGINS.name or "", [key])
            definitions.resolve_job_def(name).execute_in_process(
                instance=instance, partition_key=key or None
            )


if __name__ == "__main__":
    run_jobs(sys.argv[1:])
