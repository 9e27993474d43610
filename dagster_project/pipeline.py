"""Run Dagster's own jobs in this process, one after the other: what `meshcast run` does."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from dagster_project.alerts import Alert, send_alert
from dagster_project.assets.forecast import ORIGINS, newest_cutoff
from dagster_project.assets.training import retraining_is_due
from dagster_project.contracts.contract import read_contracts
from dagster_project.contracts.document import raise_problems
from dagster_project.contracts.lifetime import lifetime_problems
from dagster_project.definitions import build_definitions
from dagster_project.features import origin_key
from dagster_project.forecasting.backtest import NotEnoughHistory
from dagster_project.interrupted import COMMAND_LINE, end_interrupted_runs
from dagster_project.lock import exclusive
from dagster_project.privacy import private_folder
from dagster_project.publishing import reconcile, refuse_while_erasing
from dagster_project.rebuilds import rebuilds
from dagster_project.schedules import failed_checks
from dagster_project.settings import Settings
from dagster_project.sources import deployed_sources
from dagster_project.warehouse import warehouse

DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1
    granularity: op
  runs:
    max_concurrent_runs: 1
event_log_storage:
  module: dagster_project.event_log
  class: PooledEventLog
  config:
    base_dir: {history}
"""

DBT_REPORT = "Errors parsed from dbt logs:"
"""Before it in an error of dbt's stands the long command, after it what failed."""

MESSAGE_LINES = 12
"""Lines of dbt's closing report that a failed run repeats."""


class RunFailed(RuntimeError):
    """A Dagster job failed; the message is the reason a person can act on."""


class NothingToForecast(RunFailed):
    """No line was accepted, or too little history: the run stopped before training."""


@dataclass(frozen=True)
class RunResult:
    """What a run has done.

    Attributes:
        cutoff_on: last day of data used.
        retrained: whether a challenger was trained.
        gate_passed: its verdict, or None when nothing was trained.
        run_ids: the Dagster runs, by job.
        failed_checks: the checks that did not pass, as alerts.
        rebuilt: parts of the home that were made again, since other SQL had built them.
    """

    cutoff_on: date
    retrained: bool
    gate_passed: bool | None
    run_ids: dict[str, str]
    failed_checks: tuple[Alert, ...]
    rebuilt: tuple[str, ...]


def prepare_dagster_home(settings: Settings) -> Path:
    """Create DAGSTER_HOME with telemetry off and one writer at a time; set the environment."""
    folder = private_folder(settings.dagster_home)
    private_folder(settings.home / "dbt")
    configuration = folder / "dagster.yaml"
    text = DAGSTER_YAML.format(history=json.dumps(str(folder / "history" / "runs")))
    if not configuration.exists() or configuration.read_text() != text:
        configuration.write_text(text)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    os.environ["MESHCAST_HOME"] = str(settings.home)
    os.environ.setdefault("MPLCONFIGDIR", str(settings.home / "matplotlib"))  # its cache of fonts
    if settings.sources:
        os.environ["MESHCAST_SOURCES"] = ",".join(settings.sources)
    return folder


def run_lock(settings: Settings, command: str) -> AbstractContextManager[None]:
    """Hold the home for one command; a second one waits, then is told who holds it.

    Raises:
        Locked: another command did not end within `settings.lock_timeout_seconds`.
    """
    return exclusive(
        settings.home / "run.lock", holder=command, timeout=settings.lock_timeout_seconds
    )


def run_pipeline(settings: Settings, *, retrain: bool = False) -> RunResult:
    """Ingest what has landed, retrain when due, forecast the newest origin and publish.

    Args:
        settings: the deployment.
        retrain: train a challenger even when the champion is young enough.

    Raises:
        NothingToForecast: no acceptable line, or too little history for one origin.
        ErasureUnfinished: the erasure of a person was interrupted.
        RunFailed: a job failed; the message carries the first failing step's reason.
        Locked: another run holds this home.
    """
    try:
        return _run(settings, retrain=retrain)
    except Exception as error:
        send_alert(settings, Alert(subject="meshcast run", reason=str(error)))
        raise


def _run(settings: Settings, *, retrain: bool) -> RunResult:
    raise_problems(lifetime_problems(read_contracts(), settings.today))
    prepare_dagster_home(settings)
    with run_lock(settings, "meshcast run"):
        refuse_while_erasing(settings)
        reconcile(settings)
        with warehouse(settings) as connection:
            rebuilt = rebuilds(connection)
        definitions = build_definitions(settings)
        with dg.DagsterInstance.get() as instance:
            end_interrupted_runs(instance, holding_run_lock=True)
            run_ids = {"ingest": _execute(definitions, instance, "ingest")}
            cutoff = newest_cutoff(settings)
            if cutoff is None:
                raise NothingToForecast(_nothing_accepted(settings))
            gate_passed = None
            if retrain or retraining_is_due(settings, cutoff):
                run_ids["retrain"], gate_passed = _retrain(definitions, instance)
            key = origin_key(cutoff)
            instance.add_dynamic_partitions(ORIGINS.name or "", [key])
            run_ids["forecast_and_publish"] = _execute(
                definitions, instance, "forecast_and_publish", partition_key=key
            )
            alerts = tuple(
                alert for run_id in run_ids.values() for alert in failed_checks(instance, run_id)
            )
    for alert in alerts:
        send_alert(settings, alert)
    return RunResult(cutoff, "retrain" in run_ids, gate_passed, run_ids, alerts, rebuilt)


def _execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    name: str,
    partition_key: str | None = None,
) -> str:
    """Run one job to its end; errors come out as they were raised inside.

    Raises:
        RunFailed: dbt failed; names the models and tests.
    """
    job = definitions.resolve_job_def(name)
    try:
        result = job.execute_in_process(
            instance=instance, partition_key=partition_key, tags=COMMAND_LINE
        )
    except DagsterDbtCliRuntimeError as error:
        raise RunFailed(f"{name}: {dbt_failures(error)}") from error
    except NotEnoughHistory as error:
        raise NothingToForecast(str(error)) from error
    return result.run_id


def _retrain(definitions: dg.Definitions, instance: dg.DagsterInstance) -> tuple[str, bool]:
    """Train and judge a challenger; a refused one ends its job but not this run."""
    try:
        return _execute(definitions, instance, "retrain"), True
    except DagsterAssetCheckFailedError:
        runs = instance.get_runs(dg.RunsFilter(job_name="retrain"), limit=1)
        return runs[0].run_id, False


def dbt_failures(error: Exception) -> str:
    """The failed models and tests, a line each, from what dbt says at its end."""
    told = str(error).rpartition(DBT_REPORT)[2]
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return "\n".join(lines[-MESSAGE_LINES:])


NOTHING_ACCEPTED = """
select
    count(*),
    count(*) filter (where status = 'rejected'),
    coalesce(sum(row_count) filter (where status = 'accepted'), 0),
    first(reason order by path) filter (where status = 'rejected')
from state.landing_files
where entity = 'sales_events' and source in (select unnest(?::varchar[]))
"""


def _nothing_accepted(settings: Settings) -> str:
    """Say what was found instead of sales lines, and where."""
    names = [source.name for source in deployed_sources(settings)]
    with warehouse(settings) as connection:
        row = connection.execute(NOTHING_ACCEPTED, [names]).fetchone()
        reasons = connection.execute(
            "select reason_code, count(*) from sales_events_quarantined group by 1 order by 2 desc"
        ).fetchall()
    files, rejected, rows, reason = row or (0, 0, 0, None)
    found = f"{files} files, {rejected} of them rejected" + (
        f" (first: {reason})" if reason else ""
    )
    quarantined = ", ".join(f"{count} {code}" for code, count in reasons) or "none quarantined"
    return (
        f"no sales line was accepted for {', '.join(names)}: found {found}, with {rows} rows, "
        f"{quarantined}. Put files into {settings.landing}/<source>/sales_events/ and run again; "
        "what is published stays."
    )
