"""The only place where parts are put together: assets, checks, jobs, schedules and resources."""

import dagster as dg

from dagster_project import schedules
from dagster_project.assets.catalog import measurements_so_far, publications_so_far
from dagster_project.assets.dbt import build_dbt_assets, dbt_resource
from dagster_project.assets.forecast import build_forecast_asset
from dagster_project.assets.landing import build_landing_assets
from dagster_project.assets.publication import build_publication_assets
from dagster_project.assets.service_levels import build_service_level_checks
from dagster_project.assets.training import build_training_assets
from dagster_project.settings import Settings, load_settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything Dagster is to know of one deployment.

    One process per run: two steps that write the warehouse at once would wait for each other's
    lock, and a process per step costs more than most steps.
    """
    models = build_dbt_assets(settings)
    service_levels = build_service_level_checks()
    measuring = schedules.service_levels_daily(service_levels)
    return dg.Definitions(
        assets=[
            build_landing_assets(settings),
            models,
            *build_training_assets(),
            build_forecast_asset(),
            build_publication_assets(models),
            publications_so_far(),
            measurements_so_far(),
        ],
        asset_checks=[service_levels],
        jobs=[*schedules.jobs, measuring.job],
        schedules=[*schedules.schedules, measuring],
        sensors=schedules.sensors,
        resources={"settings": settings, "dbt": dbt_resource(settings)},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The deployment that the environment describes (MESHCAST_HOME, MESHCAST_SOURCES, ...)."""
    return build_definitions(load_settings())
