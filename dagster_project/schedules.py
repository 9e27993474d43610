"""Jobs, what starts them (a schedule, new files, retraining), and who hears of failures."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from dagster_project.alerts import Alert, send_alert
from dagster_project.assets.dbt import DATA_PRODUCTS_GROUP
from dagster_project.assets.forecast import FORECAST_GROUP, ORIGINS, newest_cutoff
from dagster_project.assets.ports import PORTS_GROUP
from dagster_project.assets.training import TRAINING_GROUP
from dagster_project.features import origin_key
from dagster_project.landing import is_ignored
from dagster_project.settings import Settings

forecast_and_publish_selection = dg.AssetSelection.groups(
    FORECAST_GROUP, DATA_PRODUCTS_GROUP, PORTS_GROUP
)
retrain_selection = dg.AssetSelection.groups(TRAINING_GROUP)

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.all() - forecast_and_publish_selection - retrain_selection,
    description="Register landed files; clean, test and aggregate them; build the features.",
)
retrain = dg.define_asset_job(
    "retrain",
    selection=retrain_selection,
    description="Backtest and train a challenger; it becomes champion when it passes the gate.",
)
forecast_and_publish = dg.define_asset_job(
    "forecast_and_publish",
    selection=forecast_and_publish_selection,
    description="Score one origin, build the data products, audit a candidate and publish it.",
)
backfill_forecasts = dg.define_asset_job(
    "backfill_forecasts",
    selection=dg.AssetSelection.groups(FORECAST_GROUP),
    description="Give past origins the forecast that would have been published then.",
)

daily = dg.ScheduleDefinition(
    name="daily", job=ingest, cron_schedule="0 6 * * *", description="Ingest each morning."
)
weekly_retraining = dg.ScheduleDefinition(
    name="weekly_retraining",
    job=retrain,
    cron_schedule="0 5 * * 1",
    description="Train and judge a challenger on Mondays, before the day's ingest.",
)


def service_levels_daily(checks: dg.AssetChecksDefinition) -> dg.ScheduleDefinition:
    """Measure each morning what is published, also where nothing new is."""
    return dg.ScheduleDefinition(
        name="service_levels_daily",
        job=dg.define_asset_job(
            "measure_service_levels",
            selection=dg.AssetSelection.checks(checks),
            description="Measure every promised service level on what is published.",
        ),
        cron_schedule="0 8 * * *",
        description="Measure the service levels each morning, whatever was published.",
    )


@dg.sensor(job=ingest, minimum_interval_seconds=60)
def new_landing_files(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    """Ingest when the landing folder holds other files than at the last look."""
    listing = sorted(
        f"{path.relative_to(settings.landing)} {path.stat().st_size}"
        for path in settings.landing.rglob("*")
        if path.is_file() and not is_ignored(path.name)
    )
    if not listing:
        return dg.SkipReason(f"{settings.landing} holds no files")
    seen = hashlib.sha256("\n".join(listing).encode()).hexdigest()
    if seen == context.cursor:
        return dg.SkipReason(f"{len(listing)} files, none new")
    context.update_cursor(seen)
    return dg.RunRequest(run_key=seen)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[ingest],
    request_job=forecast_and_publish,
)
def forecast_after_ingest(
    context: dg.RunStatusSensorContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    """Score and publish the newest origin once its data is in."""
    cutoff = newest_cutoff(settings)
    if cutoff is None:
        return dg.SkipReason("no sales line has been accepted yet")
    key = origin_key(cutoff)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{key} after {context.dagster_run.run_id}", partition_key=key)
        ],
        dynamic_partitions_requests=[ORIGINS.build_add_request([key])],
    )


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING)
def alert_on_failed_run(
    context: dg.RunFailureSensorContext, settings: dg.ResourceParam[Settings]
) -> None:
    """Tell the alert hook of a failed run."""
    send_alert(
        settings,
        Alert(
            subject=f"job {context.dagster_run.job_name}",
            reason=context.failure_event.message or "failed without a message",
            run_id=context.dagster_run.run_id,
        ),
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS, default_status=dg.DefaultSensorStatus.RUNNING
)
def alert_on_failed_check(
    context: dg.RunStatusSensorContext, settings: dg.ResourceParam[Settings]
) -> None:
    """Tell the alert hook of each check that failed in a run that went on."""
    for alert in failed_checks(context.instance, context.dagster_run.run_id):
        send_alert(settings, alert)


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> Iterator[Alert]:
    """One alert per asset check that did not pass in a run."""
    records = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    for record in records:
        event = record.event_log_entry.dagster_event
        evaluation: Any = event.event_specific_data if event else None
        if evaluation is not None and not evaluation.passed:
            yield Alert(
                subject=f"check {evaluation.check_name} of {evaluation.asset_key.to_user_string()}",
                reason=evaluation.description
                or "did not pass, and gave no reason; its run in Dagster has the log",
                run_id=run_id,
                severity="error"
                if evaluation.severity == dg.AssetCheckSeverity.ERROR
                else "warning",
            )


jobs: Sequence[Any] = [ingest, retrain, forecast_and_publish, backfill_forecasts]
schedules = [daily, weekly_retraining]
sensors = [new_landing_files, forecast_after_ingest, alert_on_failed_run, alert_on_failed_check]
