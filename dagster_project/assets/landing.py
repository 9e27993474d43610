"""Landing files as assets: the register, and what each source has landed of each entity."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.assets.dbt import WAREHOUSE_POOL
from dagster_project.landing import LandingReport, register_landed
from dagster_project.settings import Settings
from dagster_project.sources import deployed_sources, staged_entities
from dagster_project.stages import stage
from dagster_project.warehouse import warehouse

REGISTER = dg.AssetKey(["landing_files"])
REJECTED_CHECK = "no_file_rejected"

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
            kinds={"duckdb"},
        ),
        *(
            dg.AssetSpec(
                key,
                deps=[REGISTER],
                group_name="landing",
                description=f"Landed files of {key.path[0]}: {key.path[1]}.",
                kinds={"parquet"},
            )
            for key in entity_keys(settings)
        ),
    ]

    @dg.multi_asset(
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                REJECTED_CHECK, asset=REGISTER, description="Every landed file could be read."
            )
        ],
        pool=WAREHOUSE_POOL,
        name="landing",
    )
    def landing(settings: dg.ResourceParam[Settings]) -> Iterator[dg.MaterializeResult[None]]:
        with stage("land") as tell, warehouse(settings) as connection:
            report = register_landed(settings, connection)
            tell(f"{report.files_new} new files, {report.rows_new:,} rows")
            summaries = {
                key: connection.execute(ENTITY_SUMMARY, list(key.path)).fetchall()[0]
                for key in entity_keys(settings)
            }
        yield dg.MaterializeResult(
            asset_key=REGISTER,
            metadata=report_metadata(report),
            check_results=[rejected_check(report)],
        )
        for key, (files, rows, newest, rejected) in summaries.items():
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "dagster/row_count": int(rows),
                    "files": files,
                    "rejected_files": rejected,
                    "newest_business_day": newest,
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
    return dg.AssetCheckResult(
        asset_key=REGISTER,
        check_name=REJECTED_CHECK,
        passed=not report.files_rejected,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"rejected": dg.MetadataValue.md(lines or "none")},
    )
