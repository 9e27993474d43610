"""Landing files as assets: the register, and what each source has landed of each entity."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from dagster_project.assets.catalog import entity_columns, owners, state_columns
from dagster_project.assets.dbt import WAREHOUSE_POOL
from dagster_project.landing import LandingReport, register_landed
from dagster_project.settings import Settings
from dagster_project.sources import deployed_sources, staged_entities
from dagster_project.stages import stage
from dagster_project.warehouse import warehouse

REGISTER = dg.AssetKey(["landing_files"])
REJECTED_CHECK = "no_file_rejected"
FRESH_CHECK = "sales_are_fresh"
FRESH_WITHIN_DAYS = 2

LANDED_DAILY = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=FRESH_WITHIN_DAYS))
"""Dagster's own watch, by the clock: that landing ran. The check judges the data's days."""

NEWEST_SALES = """
select source, max(business_on)
from state.landing_files
where entity = 'sales_events' and status = 'accepted'
group by source
"""

ENTITY_SUMMARY = """
select count(*), coalesce(sum(row_count), 0), coalesce(max(business_on)::varchar, 'none'),
    count(*) filter (where status = 'rejected')
from state.landing_files
where source = ? and entity = ?
"""


def entity_keys(settings: Settings) -> list[dg.AssetKey]:
    """One key per deployed source and entity, which dbt's sources share: [source, entity]."""
    return [
        dg.AssetKey([source.name, entity])
        for source in deployed_sources(settings)
        for entity in staged_entities(source.name)
    ]


def build_landing_assets(settings: Settings) -> dg.AssetsDefinition:
    """The register of landed files and, downstream of it, each source's entities."""
    specs = [
        dg.AssetSpec(
            REGISTER,
            group_name="landing",
            description="Every landed file, once: path, bytes, sha256, rows, accepted or why not.",
            owners=owners(),
            kinds={"duckdb"},
            metadata=state_columns("landing_files"),
            freshness_policy=LANDED_DAILY,
        ),
        *(
            dg.AssetSpec(
                key,
                deps=[REGISTER],
                group_name="landing",
                description=f"Landed files of {source.name}: {entity}.",
                owners=owners(),
                kinds={"parquet"},
                metadata=entity_columns(source, entity),
                freshness_policy=LANDED_DAILY,
            )
            for source in deployed_sources(settings)
            for entity in staged_entities(source.name)
            for key in [dg.AssetKey([source.name, entity])]
        ),
    ]

    @dg.multi_asset(
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                REJECTED_CHECK, asset=REGISTER, description="Every landed file could be read."
            ),
            dg.AssetCheckSpec(
                FRESH_CHECK,
                asset=REGISTER,
                description="Each source has landed sales of one of the last days before today.",
            ),
        ],
        pool=WAREHOUSE_POOL,
        name="landing",
    )
    def landing(settings: dg.ResourceParam[Settings]) -> Iterator[dg.MaterializeResult[None]]:
        with stage("land") as tell, warehouse(settings) as connection:
            report = register_landed(settings, connection)
            tell(f"{report.files_new} new files, {report.rows_new:,} rows")
            newest = dict(connection.execute(NEWEST_SALES).fetchall())
            summaries = {
                key: connection.execute(ENTITY_SUMMARY, list(key.path)).fetchall()[0]
                for key in entity_keys(settings)
            }
        yield dg.MaterializeResult(
            asset_key=REGISTER,
            metadata=report_metadata(report),
            check_results=[rejected_check(report), fresh_check(settings, newest)],
        )
        for key, (files, rows, last, rejected) in summaries.items():
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "dagster/row_count": int(rows),
                    "files": files,
                    "rejected_files": rejected,
                    "newest_business_day": last,
                },
            )

    return landing


def report_metadata(report: LandingReport) -> dict[str, dg.MetadataValue]:
    """What a landing did, as metadata of the register."""
    return {
        "files_new": dg.MetadataValue.int(report.files_new),
        "files_known": dg.MetadataValue.int(report.files_known),
        "rows_new": dg.MetadataValue.int(report.rows_new),
        "files_rejected": dg.MetadataValue.int(len(report.files_rejected)),
        "warnings": dg.MetadataValue.md(
            "\n".join(f"* {line}" for line in report.warnings) or "none"
        ),
    }


def rejected_check(report: LandingReport) -> dg.AssetCheckResult:
    """Warn, with each reason, when a file could not be read; the others have gone on."""
    lines = "\n".join(f"* `{path}`: {reason}" for path, reason in report.files_rejected)
    first = "".join(f", first {path}: {why}" for path, why in report.files_rejected[:1])
    return dg.AssetCheckResult(
        asset_key=REGISTER,
        check_name=REJECTED_CHECK,
        passed=not report.files_rejected,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(report.files_rejected)} files could not be read{first}",
        metadata={"rejected": dg.MetadataValue.md(lines or "none")},
    )


def fresh_check(settings: Settings, newest: dict[str, date]) -> dg.AssetCheckResult:
    """Hold each source's newest day of sales against the day that is today for this deployment."""
    ages = {
        source.name: (settings.today - newest[source.name]).days if source.name in newest else None
        for source in deployed_sources(settings)
    }
    stale = [
        f"{name}: no sales yet" if age is None else f"{name}: {age} days before {settings.today}"
        for name, age in ages.items()
        if age is None or age > FRESH_WITHIN_DAYS
    ]
    return dg.AssetCheckResult(
        asset_key=REGISTER,
        check_name=FRESH_CHECK,
        passed=not stale,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(stale) or f"at most {FRESH_WITHIN_DAYS} days old",
        metadata={name: age for name, age in ages.items() if age is not None},
    )
