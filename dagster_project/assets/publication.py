"""The ports: a candidate is written, audited on its own bytes and becomes current in one step."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dagster_project.assets.catalog import published_columns
from dagster_project.assets.datasheet import export_datasheets
from dagster_project.assets.dbt import WAREHOUSE_POOL
from dagster_project.assets.model_export import export_model
from dagster_project.assets.ports import (
    FORECAST_PORT,
    port_key,
    port_specs,
)
from dagster_project.publishing import (
    Provenance,
    Publication,
    automatic_publication_paused,
    check_published,
    collect,
    current_publication,
    publish,
    read_ports,
    restricted_readers,
)
from dagster_project.revision import code_revision, package_versions
from dagster_project.settings import Settings
from dagster_project.stages import stage

SERVED_CHECK = "consumers_are_served"


def build_publication_assets(models_of_dbt: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """One asset per published table, all of them made by one publication."""
    ports = read_ports()
    forecast_port = port_key(FORECAST_PORT)
    specs = [
        spec.merge_attributes(metadata=published_columns(models_of_dbt, spec.key.path[-1]))
        for spec in port_specs()
    ]

    @dg.multi_asset(
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                SERVED_CHECK,
                asset=forecast_port,
                description="What is published keeps what consumers say they rely on.",
            ),
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
                published = publish(
                    settings,
                    provenance(),
                    export=export_model,
                    describe=export_datasheets,
                    tell=tell,
                )
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
                check_results=[served_check(settings, key)] if key == forecast_port else [],
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
    """What a person wants to know of a published table.

    A publication from before the table was promised, which a rollback brings back, lacks it.
    """
    manifest = published.ports.get(relation)
    if manifest is None:
        return {"publication": published.number, "is_in_publication": False}
    return {
        "dagster/row_count": manifest.rows,
        "publication": published.number,
        "forecast_version": published.forecast_version,
        "cutoff_on": published.cutoff_on.isoformat(),
        "contract_version": manifest.contract_version,
        "content_hash": manifest.content_hash,
    }


def served_check(settings: Settings, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Tell what the audit lets pass: expectations of severity warn, and files it cannot read."""
    results = check_published(settings)
    broken = [result for result in results if result.status != "pass"]
    consumers = sorted({result.consumer for result in results if result.consumer})
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=SERVED_CHECK,
        passed=not broken,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{result.name}: {result.message}" for result in broken)
        or f"{len(results)} expectations of {', '.join(consumers) or 'nobody'} are kept.",
        metadata={"expectations": len(results), "consumers": ", ".join(consumers)},
    )
