"""The ports: a candidate is written, audited on its own bytes and becomes current in one step."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from dagster_project.assets.catalog import owners, published_columns
from dagster_project.assets.dbt import WAREHOUSE_POOL
from dagster_project.assets.model_export import export_model
from dagster_project.publishing import (
    Provenance,
    Publication,
    automatic_publication_paused,
    collect,
    current_publication,
    publish,
    read_ports,
    restricted_readers,
)
from dagster_project.revision import code_revision, package_versions
from dagster_project.settings import Settings
from dagster_project.stages import stage

PORTS_GROUP = "ports"
FRESH_CHECK = "is_fresh"
FRESH_WITHIN_DAYS = 2


def port_key(relation: str) -> dg.AssetKey:
    """The asset key of a published table, such as ["ports", "sales_forecast_v1"]."""
    return dg.AssetKey([PORTS_GROUP, relation])


def build_publication_assets(models_of_dbt: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """One asset per published table, all of them made by one publication."""
    ports = read_ports()
    forecast_port = port_key("sales_forecast_v1")
    specs = [
        dg.AssetSpec(
            port_key(port.relation),
            deps=[port.relation],
            group_name=PORTS_GROUP,
            description=f"What readers of {port.product} see: {port.relation}, immutable Parquet.",
            owners=owners(),
            kinds={"parquet"},
            metadata=published_columns(models_of_dbt, port.relation),
            freshness_policy=dg.FreshnessPolicy.time_window(
                fail_window=timedelta(days=FRESH_WITHIN_DAYS)
            ),
        )
        for port in ports
    ]

    @dg.multi_asset(
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                FRESH_CHECK,
                asset=forecast_port,
                description="The data behind the published forecast is fresh as of today.",
            )
        ],
        pool=WAREHOUSE_POOL,
        name="publication",
    )
    def publication(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult[None]]:
        with stage("audit and publish") as tell:
            pause = automatic_publication_paused(settings)
            if pause is not None:
                tell("paused since a rollback: `meshcast resume` turns it on")
                context.log.warning("publication is paused: %s", pause)
                published = current_publication(settings)
            else:
                published = publish(settings, provenance(), export=export_model, tell=tell)
                readers = restricted_readers(settings)
                if readers.problem is not None:
                    context.log.warning(
                        "restricted ports can be read by their owner alone: %s", readers.problem
                    )
                removed = collect(settings)
                context.log.info("publications past their retention, removed: %s", removed)
        if published is None:
            raise dg.Failure("publication is paused and nothing was ever published")
        for port in ports:
            key = port_key(port.relation)
            yield dg.MaterializeResult(
                asset_key=key,
                metadata=port_metadata(published, port.relation),
                check_results=[fresh_check(settings, published, key)]
                if key == forecast_port
                else [],
            )

    return publication


def provenance() -> Provenance:
    """What this process adds to a manifest: the moment, the code and its packages."""
    return Provenance(
        published_at=datetime.now(UTC),
        code_revision=code_revision(),
        packages=package_versions(),
    )


def port_metadata(published: Publication, relation: str) -> dict[str, Any]:
    """What a person wants to know of a published table."""
    manifest = published.ports[relation]
    return {
        "dagster/row_count": manifest.rows,
        "publication": published.number,
        "forecast_version": published.forecast_version,
        "cutoff_on": published.cutoff_on.isoformat(),
        "contract_version": manifest.contract_version,
        "content_hash": manifest.content_hash,
    }


def fresh_check(
    settings: Settings, published: Publication, key: dg.AssetKey
) -> dg.AssetCheckResult:
    """Hold the cutoff against the day that is today for this deployment."""
    age = (settings.today - published.cutoff_on).days
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=FRESH_CHECK,
        passed=age <= FRESH_WITHIN_DAYS,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"The data ends on {published.cutoff_on}, {age} days before {settings.today}; "
        f"at most {FRESH_WITHIN_DAYS} are promised.",
        metadata={"age_days": age, "today": settings.today.isoformat()},
    )
