"""Where a home stands: what it holds, what is live, what needs a hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from dagster_project import models
from dagster_project.assets.training import latest_cutoff
from dagster_project.publishing import (
    automatic_publication_paused,
    current_publication,
    ports_are_linked,
    reader_file,
)
from dagster_project.settings import Settings
from dagster_project.sources import deployed_sources
from dagster_project.warehouse import warehouse


@dataclass(frozen=True)
class Status:
    """What `meshcast status` tells.

    Attributes:
        home: the folder.
        sources: deployed sources.
        files: landed files, accepted and rejected.
        data_through: last day of accepted sales, and how long ago that is.
        champion: the live model and its cutoff.
        publication: the current publication.
        port: the file readers open.
        needs_attention: what a person should do.
    """

    home: str
    sources: list[str]
    files: str
    data_through: str
    champion: str | None
    publication: str | None
    port: str
    needs_attention: list[str]


def read_status(settings: Settings) -> Status:
    """Read the status of a home, also of one that holds nothing yet."""
    attention = []
    files, data_through, champion = "none registered", "no sales yet", None
    if settings.warehouse_file.exists():
        with warehouse(settings) as connection:
            accepted, rejected = connection.execute(
                "select count(*) filter (where status = 'accepted'),"
                " count(*) filter (where status = 'rejected') from state.landing_files"
            ).fetchall()[0]
            files = f"{accepted:,} accepted, {rejected:,} rejected"
            if rejected:
                attention.append(
                    f"{rejected} files were rejected: `meshcast land` says why, and takes a file "
                    "once it has been replaced"
                )
            cutoff_on = _cutoff(connection)
            if cutoff_on is not None:
                data_through = f"{cutoff_on} ({(settings.today - cutoff_on).days} days ago)"
            live = models.champion_record(connection)
            if live is not None:
                champion = f"{live.model_version}, trained through {live.trained_through_on}"
    published = current_publication(settings)
    if not ports_are_linked(settings):
        attention.append("the home was moved or copied: run `meshcast relink`")
    pause = automatic_publication_paused(settings)
    if pause is not None:
        attention.append(
            f"publication is paused since {pause.since:%Y-%m-%d %H:%M} ({pause.reason}): "
            "`meshcast resume`"
        )
    failed = settings.published / "failed"
    attention += [
        f"a candidate failed its audit: {folder / 'audit.json'}"
        for folder in (sorted(failed.iterdir()) if failed.exists() else [])
    ]
    return Status(
        home=str(settings.home),
        sources=[source.name for source in deployed_sources(settings)],
        files=files,
        data_through=data_through,
        champion=champion,
        publication=None
        if published is None
        else f"{published.number} of {published.published_at:%Y-%m-%d %H:%M}, forecast version "
        f"{published.forecast_version} from {published.cutoff_on}",
        port=str(reader_file(settings)),
        needs_attention=attention,
    )


def _cutoff(connection: duckdb.DuckDBPyConnection) -> date | None:
    """The last day of accepted sales, or None before the first build."""
    built = connection.execute(
        "select 1 from information_schema.tables where table_name = 'forecast_origins'"
    ).fetchone()
    return latest_cutoff(connection) if built else None
