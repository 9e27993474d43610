"""The DuckDB files readers attach: a view per port over absolute paths, publications, macros."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jinja2

from dagster_project.publishing.live import LIVE, live_files
from dagster_project.publishing.manifest import MODEL_FOLDER, PortManifest, Publication
from dagster_project.settings import DBT_PROJECT, Settings
from dagster_project.warehouse import port, quoted

OPEN_FILE = "sales.duckdb"
RESTRICTED = "restricted"
RESTRICTED_FILE = f"{RESTRICTED}/{OPEN_FILE}"

MACRO_FILE = "predict_units.sql"
INPUTS_FILE = "inputs.parquet"
INPUTS_VIEW = "model_inputs"
CHANGES = "changes"
CHANGES_VIEW = "changes_v1"

FORECAST_INTERVAL = DBT_PROJECT / "macros" / "forecast_interval.sql"

PUBLICATIONS_TABLE = """
create table publications (
    publication bigint,
    published_at timestamp with time zone,
    kind varchar,
    rollback_of bigint,
    reason varchar,
    cutoff_on date,
    forecast_version bigint,
    model_version varchar,
    code_revision varchar,
    input_fingerprint varchar,
    is_current boolean,
    erasures bigint[]
)
"""


def reader_file(settings: Settings, *, restricted: bool = False) -> Path:
    """The file that readers attach, which always leads to the current publication."""
    return settings.published / (RESTRICTED_FILE if restricted else OPEN_FILE)


def write_port_files(folder: Path, published: Sequence[Publication]) -> None:
    """Write the open and the restricted port file of a publication, each in one step.

    Args:
        folder: the publication's folder, two below published/; the views name its files, and
            those of the live tables, by their absolute paths.
        published: every publication up to this one, which is the last.
    """
    ports = published[-1].ports.values()
    _write(folder, OPEN_FILE, [item for item in ports if not item.is_restricted], published)
    _write(folder, RESTRICTED_FILE, list(ports), published)


def is_linked(folder: Path) -> bool:
    """Whether the views of both port files name the files in this folder, and not elsewhere."""
    for name in (OPEN_FILE, RESTRICTED_FILE):
        if not (folder / name).exists():
            return False
        with port((folder / name).resolve()) as connection:
            views = connection.execute(
                "select sql from duckdb_views() where not internal and schema_name = 'main'"
            ).fetchall()
        places = [f"{quoted(place)[:-1]}/" for place in (folder, folder.parents[1] / LIVE)]
        if not all(any(place in sql for place in places) for (sql,) in views):
            return False
    return True


@cache
def forecast_interval_macro() -> str:
    """The statement that creates forecast_interval, with the body of dbt's macro of that name."""
    text = FORECAST_INTERVAL.read_text(encoding="utf-8")
    call = "{{ forecast_interval('units_paths', 'level') }}"
    body = jinja2.Environment().from_string(text + call).render().strip()
    return f"create macro forecast_interval(units_paths, level) as {body}"


def _write(
    folder: Path, name: str, ports: Sequence[PortManifest], published: Sequence[Publication]
) -> None:
    file = folder / name
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    with port(part, read_only=False) as connection:
        for item in ports:
            paths = ", ".join(quoted(folder / data.path) for data in item.files)
            connection.execute(
                f'create view "{item.relation}" as'
                f" select {_columns(item)} from read_parquet([{paths}])"
            )
        for relation, live in live_files(folder.parents[1]).items():
            connection.execute(
                f'create view "{relation}" as select * from read_parquet({quoted(live)})'
            )
        connection.execute(forecast_interval_macro())
        if (folder / MODEL_FOLDER / MACRO_FILE).exists():
            connection.execute((folder / MODEL_FOLDER / MACRO_FILE).read_text(encoding="utf-8"))
            inputs = quoted(folder / MODEL_FOLDER / INPUTS_FILE)
            connection.execute(f"create view {INPUTS_VIEW} as select * from read_parquet({inputs})")
        feeds = sorted(((folder / name).parent / CHANGES).glob("*.parquet"))
        if feeds:  # publications from before there were feeds have none
            paths = ", ".join(quoted(feed) for feed in feeds)
            connection.execute(
                f"create view {CHANGES_VIEW} as select * from read_parquet([{paths}])"
            )
        connection.execute(PUBLICATIONS_TABLE)
        connection.executemany(
            f"insert into publications values ({', '.join('?' * 12)})",
            [_row(item, is_current=item is published[-1]) for item in published],
        )
    part.chmod(0o440 if name == RESTRICTED_FILE else 0o444)
    os.replace(part, file)


def _columns(item: PortManifest) -> str:
    """All columns; Parquet knows lists only, so an array of fixed length is cast back to one."""
    arrays = [
        f'cast("{name}" as {kind}) as "{name}"'
        for name, kind in item.columns.items()
        if kind.endswith("]") and not kind.endswith("[]")
    ]
    return f"* replace ({', '.join(arrays)})" if arrays else "*"


def _row(publication: Publication, *, is_current: bool) -> list[object]:
    return [
        publication.number,
        publication.published_at,
        publication.kind,
        publication.rollback_of,
        publication.reason,
        publication.cutoff_on,
        publication.forecast_version,
        publication.model_version,
        publication.code_revision,
        publication.input_fingerprint,
        is_current,
        list(publication.erasures),
    ]
