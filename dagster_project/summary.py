"""The page at the end of a run: what went in, what became of it, how good it is, where it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from dagster_project import models
from dagster_project.contracts.contract import read_contracts
from dagster_project.contracts.lifetime import notices
from dagster_project.pipeline import RunResult
from dagster_project.publishing import (
    automatic_publication_paused,
    current_publication,
    reader_file,
)
from dagster_project.settings import Settings
from dagster_project.sources import deployed_sources
from dagster_project.warehouse import port, warehouse

SAMPLE_ROWS = 5

FILES = """
select
    count(*) filter (where status = 'accepted'),
    count(*) filter (where status = 'rejected'),
    coalesce(sum(row_count) filter (where status = 'accepted' and entity = 'sales_events'), 0)
from state.landing_files
where source in (select unnest(?::varchar[]))
"""

ROWS = """
select
    coalesce(sum(rows_accepted), 0)::bigint,
    coalesce(sum(rows_quarantined), 0)::bigint,
    coalesce(sum(rows_duplicate), 0)::bigint,
    coalesce(sum(rows_superseded), 0)::bigint
from loads
where entity = 'sales_events' and source in (select unnest(?::varchar[]))
"""

REASONS = """
select reason_code, count(*)
from sales_events_quarantined
group by reason_code
order by count(*) desc, reason_code
"""

SERIES = """
select coalesce(left_out_reason, 'in scope'), count(*)
from forecast_series
where cutoff_on = ?
group by all
order by count(*) desc
"""

SAMPLE = """
select target_on, store_id, product_id, units_mean, units_p10, units_p90
from sales_forecast_v1
order by horizon_days, units_mean desc, store_id, product_id
limit ?
"""

SALES_LINES_LANDED = """
select coalesce(sum(row_count), 0)::bigint
from state.landing_files
where entity = 'sales_events' and status = 'accepted' and first_seen_at = ?
"""


@dataclass(frozen=True)
class RunSummary:
    """What a run did, in the words of its reader.

    Attributes:
        sources: deployed sources.
        today: the day freshness was judged against.
        cutoff_on: last day of data used.
        files_accepted: landed files that were read.
        files_rejected: landed files that could not be read.
        rebuilt: parts of the home that were made again, since other SQL had built them.
        rows: what became of the sales lines: read, accepted, quarantined, duplicate, superseded.
        quarantined_by_reason: rows by reason code.
        series_forecast: series in scope.
        series_left_out: series not forecast, by reason.
        model_version: the model the forecast was made with.
        gate: verdict on the newest challenger, with its failed rules.
        skill: 1 - error / baseline error in the backtest, by metric.
        publication: number of the current publication.
        forecast_version: the forecast it carries.
        port: the file that readers open.
        paused: why publication is paused, or None.
        failed_checks: warnings and errors of the run's checks.
        ending: published tables whose end of life is near, with what to read instead.
        seconds: wall time by stage.
        elapsed_seconds: wall time of all, with what lies between the stages.
        sample: the first rows of the forecast.
    """

    sources: list[str]
    today: date
    cutoff_on: date
    files_accepted: int
    files_rejected: int
    rebuilt: list[str]
    rows: dict[str, int]
    quarantined_by_reason: dict[str, int]
    series_forecast: int
    series_left_out: dict[str, int]
    model_version: str
    gate: dict[str, Any]
    skill: dict[str, float]
    publication: int
    forecast_version: int
    port: str
    paused: str | None
    failed_checks: list[str]
    ending: list[str]
    seconds: dict[str, float]
    elapsed_seconds: float
    sample: list[dict[str, Any]]


def summarise(
    settings: Settings, result: RunResult, seconds: dict[str, float], elapsed: float
) -> RunSummary:
    """Collect the summary of a finished run from the warehouse and the published port."""
    names = [source.name for source in deployed_sources(settings)]
    published = current_publication(settings)
    if published is None:
        raise RuntimeError(f"{settings.published}: expected a publication after a run, found none")
    with warehouse(settings) as connection:
        files = connection.execute(FILES, [names]).fetchone() or (0, 0, 0)
        rows = connection.execute(ROWS, [names]).fetchone() or (0, 0, 0, 0)
        reasons = dict(connection.execute(REASONS).fetchall())
        series = dict(connection.execute(SERIES, [result.cutoff_on]).fetchall())
        gate, skill = newest_gate(connection)
    with port(reader_file(settings)) as connection:
        sample = records(connection.execute(SAMPLE, [SAMPLE_ROWS]))
    pause = automatic_publication_paused(settings)
    return RunSummary(
        sources=names,
        today=settings.today,
        cutoff_on=result.cutoff_on,
        files_accepted=files[0],
        files_rejected=files[1],
        rebuilt=list(result.rebuilt),
        rows=dict(
            zip(
                ("read", "accepted", "quarantined", "duplicate", "superseded"),
                (int(files[2]), *rows),
                strict=True,
            )
        ),
        quarantined_by_reason=reasons,
        series_forecast=series.pop("in scope", 0),
        series_left_out=series,
        model_version=published.model_version,
        gate=gate,
        skill=skill,
        publication=published.number,
        forecast_version=published.forecast_version,
        port=str(reader_file(settings)),
        paused=None if pause is None else pause.reason,
        failed_checks=[f"{alert.subject}: {alert.reason}" for alert in result.failed_checks],
        ending=notices(read_contracts(), settings.today),
        seconds={name: round(value, 1) for name, value in seconds.items()},
        elapsed_seconds=round(elapsed, 1),
        sample=sample,
    )


def sales_lines_landed(connection: duckdb.DuckDBPyConnection, seen_at: datetime) -> int:
    """Sales lines in the files that were registered at a moment."""
    row = connection.execute(SALES_LINES_LANDED, [seen_at]).fetchone()
    return int(row[0]) if row else 0


def newest_gate(connection: duckdb.DuckDBPyConnection) -> tuple[dict[str, Any], dict[str, float]]:
    """Verdict on the newest challenger, and its skill against the baseline."""
    challenger = models.newest_record(connection)
    if challenger is None:
        return {"outcome": "nothing trained", "failed": []}, {}
    gate = {
        "outcome": challenger.verdict,
        "model_version": challenger.model_version,
        "failed": [reason for reason in challenger.reasons if reason.startswith("failed")],
    }
    return gate, models.skill(connection, challenger.model_version)


def records(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Rows of a query as dicts."""
    columns = [column[0] for column in result.description or []]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
