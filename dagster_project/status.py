"""Where a home stands: what it holds, what is live, what needs a hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import duckdb

from dagster_project import models
from dagster_project.assets.ports import forecast_fresh_days
from dagster_project.assets.training import latest_cutoff
from dagster_project.interrupted import has_lost_its_process
from dagster_project.pipeline import DBT_REPORT
from dagster_project.publishing import (
    Publication,
    Readers,
    automatic_publication_paused,
    check_published,
    current_publication,
    erasures,
    interrupted_since,
    ports_are_linked,
    reader_file,
    restricted_readers,
)
from dagster_project.service_levels.measurement import Measurement
from dagster_project.service_levels.recording import newest_measurements
from dagster_project.settings import Settings
from dagster_project.sources import deployed_sources
from dagster_project.warehouse import warehouse

FILES = """
select
    count(*) filter (where status = 'accepted'),
    count(*) filter (where status = 'rejected')
from state.landing_files
where source in (select unnest(?::varchar[]))
"""


@dataclass(frozen=True)
class Status:
    """What `meshcast status` tells.

    Attributes:
        home: the folder.
        sources: deployed sources.
        files: landed files of these sources, accepted and rejected.
        data_through: last day of accepted sales, and how long ago that is.
        champion: the live model and its cutoff.
        publication: the current publication.
        service_levels: how many promises of the contracts were kept when last measured.
        port: the file readers open.
        restricted_readers: who may read the restricted ports besides their owner.
        erasures: that persons were forgotten, and what cannot be reproduced since.
        needs_attention: what a person should do.
    """

    home: str
    sources: list[str]
    files: str
    data_through: str
    champion: str | None
    publication: str | None
    service_levels: str | None
    port: str
    restricted_readers: str
    erasures: list[str]
    needs_attention: list[str]


def read_status(settings: Settings) -> Status:
    """Read the status of a home, also of one that holds nothing yet."""
    sources = [source.name for source in deployed_sources(settings)]
    accepted = rejected = 0
    cutoff_on, champion = None, None
    measured: tuple[Measurement, ...] = ()
    if settings.warehouse_file.exists():
        with warehouse(settings) as connection:
            accepted, rejected = connection.execute(FILES, [sources]).fetchall()[0]
            cutoff_on = _cutoff(connection)
            measured = newest_measurements(connection)
            live = models.champion_record(connection)
            if live is not None:
                champion = f"{live.model_version}, trained through {live.trained_through_on}"
    published = current_publication(settings)
    return Status(
        home=str(settings.home),
        sources=sources,
        files=f"{accepted:,} accepted, {rejected:,} rejected",
        data_through="no sales yet"
        if cutoff_on is None
        else f"{cutoff_on} ({(settings.today - cutoff_on).days} days ago)",
        champion=champion,
        publication=None
        if published is None
        else f"{published.number} of {published.published_at:%Y-%m-%d %H:%M}, forecast version "
        f"{published.forecast_version} from {published.cutoff_on}",
        service_levels=_kept(measured),
        port=str(reader_file(settings)),
        restricted_readers=_readers(restricted_readers(settings)),
        erasures=[erasure.told for erasure in erasures(settings)],
        needs_attention=[
            *_of_erasure(settings),
            *_of_landing(settings, accepted, rejected),
            *_of_last_run(settings),
            *_of_publication(settings, published),
            *_of_service_levels(measured),
        ],
    )


def _readers(readers: Readers) -> str:
    if readers.problem is None:
        return "no port is restricted" if readers.group is None else f"the group {readers.group}"
    return f"nobody: {readers.problem}"


def data_through(settings: Settings) -> date | None:
    """The last day of accepted sales in the warehouse, or None before any."""
    with warehouse(settings) as connection:
        return _cutoff(connection)


def _cutoff(connection: duckdb.DuckDBPyConnection) -> date | None:
    """The last day of accepted sales, or None before the first build."""
    built = connection.execute(
        "select 1 from information_schema.tables where table_name = 'forecast_origins'"
    ).fetchone()
    return latest_cutoff(connection) if built else None


def _of_erasure(settings: Settings) -> Iterator[str]:
    begun_at = interrupted_since(settings)
    if begun_at is not None:
        yield (
            f"an erasure that began at {begun_at} was interrupted: run `meshcast forget` for the "
            "same person again"
        )


def _of_landing(settings: Settings, accepted: int, rejected: int) -> Iterator[str]:
    if not accepted:
        yield (
            f"nothing has landed: put files into {settings.landing}/<source>/<entity>/ and "
            "`meshcast run`"
        )
    if rejected:
        yield (
            f"{rejected} files were rejected: `meshcast land` says why, and takes a file once it "
            "has been replaced"
        )


def _of_last_run(settings: Settings) -> Iterator[str]:
    """What became of the newest run of Dagster, whoever started it, when it did not succeed."""
    if not (settings.dagster_home / "dagster.yaml").exists():
        return
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for run in instance.get_runs(limit=1):
            if run.status == dg.DagsterRunStatus.FAILURE:
                yield (
                    f"the last run failed, its job {run.job_name}: {_reason(instance, run)}. Mend "
                    "it and `meshcast run`; `meshcast ui` has the whole log"
                )
            elif not run.is_finished and has_lost_its_process(instance, run.run_id):
                yield (
                    f"the last run was killed in its job {run.job_name}: `meshcast run` goes on "
                    "where it ended"
                )


def _reason(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The first line of the error that a failed run ended with."""
    records = instance.get_records_for_run(
        run.run_id, of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    ).records
    for event in (record.event_log_entry.dagster_event for record in records):
        if event is not None and event.is_step_failure and event.step_failure_data.error:
            error = event.step_failure_data.error
            return first_line((error.cause or error).message)
        if event is not None and event.message:
            return event.message
    return "no reason was kept"


def first_line(message: str) -> str:
    """What an error says first, without the name of its class and dbt's long command."""
    if DBT_REPORT in message:
        said = message.rpartition(DBT_REPORT)[2]
    else:
        said = message.partition(": ")[2] or message
    return next((line.strip() for line in said.splitlines() if line.strip()), message.strip())


def _of_publication(settings: Settings, published: Publication | None) -> Iterator[str]:
    if published is None:
        yield "nothing is published: `meshcast run` publishes what has landed"
    else:
        age = (settings.today - published.cutoff_on).days
        promised = forecast_fresh_days()
        if age > promised:
            yield (
                f"the forecast is stale: its sales end on {published.cutoff_on}, {age} days before "
                f"{settings.today}, and at most {promised} are promised. Land newer files "
                "and `meshcast run`"
            )
    if not ports_are_linked(settings):
        yield "the home was moved or copied: run `meshcast relink`"
    elif published is not None:
        for result in check_published(settings):
            if result.status != "pass":
                yield f"{result.name}: {result.message}. `meshcast expectations check`"
    pause = automatic_publication_paused(settings)
    if pause is not None:
        yield (
            f"publication is paused since {pause.since:%Y-%m-%d %H:%M} ({pause.reason}): "
            "`meshcast resume`"
        )
    failed = settings.published / "failed"
    for folder in sorted(failed.iterdir()) if failed.exists() else []:
        yield f"a candidate failed its audit: {folder / 'audit.json'}"


def _kept(measured: Sequence[Measurement]) -> str | None:
    if not measured:
        return None
    met = [item.met for item in measured]
    return (
        f"{met.count(True)} kept, {met.count(False)} missed, {met.count(None)} not measured yet, "
        f"on {measured[0].measured_on}"
    )


def _of_service_levels(measured: Sequence[Measurement]) -> Iterator[str]:
    for item in measured:
        if item.met is False:
            yield (
                f"a service level of {item.product} is missed ({item.severity}), {item.name}: "
                f"{item.told()}. slo_status_v1 tells what is left of its error budget"
            )
