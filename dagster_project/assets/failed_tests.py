"""What a failed dbt test has found, in words for whoever reads the warning."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliInvocation

from dagster_project.settings import CHECKOUT, DBT_PROJECT, PROFILES, Settings
from dagster_project.sources import dbt_vars
from dagster_project.warehouse import warehouse

COLUMNS_TOLD = 4
"""Of the first failing row; the first columns of these models say what the row is about."""


def compiled_tests(invocation: DbtCliInvocation) -> dict[str, str]:
    """The SQL of each test that dbt has run, by the test's unique id."""
    return {
        result["unique_id"]: result["compiled_code"]
        for result in invocation.get_artifact("run_results.json")["results"]
        if result["unique_id"].startswith("test.")
    }


def describe(settings: Settings, check: dg.AssetCheckResult, sql: str | None) -> str:
    """Say how many rows a test found, the first of them, and the command that shows more.

    Args:
        settings: the deployment.
        check: the test that did not pass.
        sql: the test's own query; None where its rows must not be told.
    """
    count = check.metadata.get("dagster_dbt/failed_row_count")
    if count is None:
        return "could not be run; its run in Dagster has the log"
    found = f"failing rows: {count.value}"
    if sql is not None:
        with warehouse(settings, read_only=True) as connection:
            result = connection.execute(f"select * from (\n{sql}\n) limit 1")
            names = [column[0] for column in result.description or []]
            row = result.fetchone()
        if row is not None:
            told = list(zip(names, row, strict=True))[:COLUMNS_TOLD]
            found += f", first: {', '.join(f'{name} {value}' for name, value in told)}"
    return f"{found}. `{show_command(settings, str(check.check_name))}` shows up to five."


def show_command(settings: Settings, test: str) -> str:
    """The command that shows the rows a test finds, as it is typed in the checkout."""
    executable = Path(settings.dbt_executable)
    if executable.is_relative_to(CHECKOUT):
        executable = executable.relative_to(CHECKOUT)
    command = [str(executable), "show", "--output", "json", "--project-dir", DBT_PROJECT.name]
    command += ["--profiles-dir", PROFILES.name, "--select", test]
    if variables := dbt_vars(settings):
        command += ["--vars", json.dumps(variables)]
    is_default = settings.home == CHECKOUT / ".meshcast"
    home = "" if is_default else f"MESHCAST_HOME={shlex.quote(str(settings.home))} "
    return home + shlex.join(command)
