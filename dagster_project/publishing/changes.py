"""The change feed of a publication: which days and series say something else than in the last one.

One small Parquet file a publication, `changes/<publication>.parquet`, and for readers of the
restricted ports one that tells their series too, in `restricted/`. A folder also holds those of the
publications before it that are kept, so who has missed some asks for `publication > 7`.

A row names relation, partition (the file), day and series, and what happened: added, changed or
removed. Without product and store it is about the day: all of its series did the same, or the table
has none, or it is restricted and this is its open row. Files with the same fingerprint or content
are not read, so a feed costs what has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from dagster_project.publishing.current import publication_folder, publications
from dagster_project.publishing.manifest import DataFile, OtherFile, PortManifest, Publication
from dagster_project.publishing.port_file import CHANGES, RESTRICTED
from dagster_project.publishing.ports import Port, read_ports
from dagster_project.publishing.sharing import make_port_folder, share
from dagster_project.settings import Settings
from dagster_project.warehouse import memory, quoted

STAMPS = ("forecast_version", "issued_at", "cutoff_on", "horizon_days", "model_version")
"""When and by what a forecast was made. A forecast that says the same units has not changed."""

FEED = """
create temp table feed (
    publication bigint,
    previous bigint,
    relation varchar,
    is_restricted boolean,
    partition varchar,
    day_on date,
    product_id varchar,
    store_id varchar,
    change varchar
)
"""

ROWS = """
select
    parse_filename(filename, true) as partition, {day} as day_on, {product} as product_id,
    {store} as store_id, {side} as is_new, sum(hash(hash({compared}))) as content
from read_parquet({files}, filename = true)
group by all
"""

COMPARE = """
insert into feed
with contents as ({rows}),
series as (
    select
        partition, day_on, product_id, store_id,
        max(content) filter (is_new) as content_now,
        max(content) filter (not is_new) as content_before
    from contents
    group by all
),
compared as (
    select
        *,
        case
            when content_before is null then 'added'
            when content_now is null then 'removed'
            when content_now <> content_before then 'changed'
        end as change
    from series
),
days as (
    select
        partition, day_on,
        count(*) = count(change) and count(distinct change) = 1 as is_whole
    from compared
    group by all
)
select distinct
    $1, $2, $3, $4, compared.partition, compared.day_on,
    if(is_whole, null, product_id), if(is_whole, null, store_id), change
from compared
inner join days on
    compared.partition = days.partition and compared.day_on is not distinct from days.day_on
where change is not null
"""

TOLD = "publication, previous, relation, partition, day_on, product_id, store_id, change"

OPEN_FEED = f"""
select {TOLD} from feed where not is_restricted
union all
select
    publication, previous, relation, partition, day_on, null, null,
    if(count(distinct change) = 1, min(change), 'changed')
from feed
where is_restricted
group by publication, previous, relation, partition, day_on
"""


def write_changes(settings: Settings, publication: Publication) -> tuple[OtherFile, ...]:
    """Write the feed of a publication whose data files are written, beside those before it.

    Returns:
        All of these files, sorted by path.
    """
    folder = publication_folder(settings, publication.number)
    kept = publications(settings)
    previous = kept[-1] if kept else None
    places = (CHANGES, f"{RESTRICTED}/{CHANGES}")
    for place in places:
        make_port_folder(folder, place)
        for earlier in kept:
            file = publication_folder(settings, kept[-1].number) / place / _file(earlier.number)
            if file.exists():
                share(file, folder / place / file.name)
    with memory() as connection:
        connection.execute(FEED)
        ports = {port.relation: port for port in read_ports()}
        for relation in sorted(publication.ports | (previous.ports if previous else {})):
            _compare(connection, settings, publication, previous, relation, ports.get(relation))
        name = _file(publication.number)
        _write(connection, OPEN_FEED, folder / CHANGES / name, 0o444)
        _write(
            connection,
            f"select {TOLD} from feed",
            folder / RESTRICTED / CHANGES / name,
            0o400,
        )
    paths = [f"{place}/{file.name}" for place in places for file in (folder / place).iterdir()]
    return tuple(OtherFile.of(folder, path) for path in sorted(paths))


def _compare(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    publication: Publication,
    previous: Publication | None,
    relation: str,
    port: Port | None,
) -> None:
    """Add what is different in one table."""
    now = publication.ports.get(relation)
    before = previous.ports.get(relation) if previous else None
    changed = _changed(now, before)
    columns = _columns([item for item in (now, before) if item is not None])
    manifest = now or before
    if not changed or manifest is None:
        return
    sides = [
        (manifest_of, publication_folder(settings, of.number), is_new)
        for of, manifest_of, is_new in ((publication, now, True), (previous, before, False))
        if of is not None and manifest_of is not None
    ]
    rows = [
        _rows(columns, port, [folder / data.path for data in files], is_new=is_new)
        for side, folder, is_new in sides
        if (files := [data for data in side.files if data.partition in changed and data.rows])
    ]
    if rows:
        connection.execute(
            COMPARE.format(rows=" union all ".join(rows)),
            [
                publication.number,
                previous.number if previous else None,
                relation,
                any(item.is_restricted for item in (now, before) if item is not None),
            ],
        )


def _changed(now: PortManifest | None, before: PortManifest | None) -> set[str]:
    """Partitions that one of the two lacks, or that hold something else."""
    files_now, files_before = _by_partition(now), _by_partition(before)
    return {
        partition
        for partition in files_now.keys() | files_before.keys()
        if partition not in files_now
        or partition not in files_before
        or not _same(files_now[partition], files_before[partition])
    }


def _same(now: DataFile, before: DataFile) -> bool:
    return now.fingerprint == before.fingerprint or now.content_hash == before.content_hash


def _by_partition(manifest: PortManifest | None) -> dict[str, DataFile]:
    return {} if manifest is None else {data.partition: data for data in manifest.files}


def _columns(manifests: Sequence[PortManifest]) -> dict[str, str]:
    """Columns that both have: one that is new changes no row."""
    first, *others = manifests
    return {
        name: kind
        for name, kind in first.columns.items()
        if all(name in other.columns for other in others)
    }


def _rows(
    columns: Mapping[str, str], port: Port | None, files: Sequence[Path], *, is_new: bool
) -> str:
    key = port.key if port else ()
    dates = [name for name in key if columns.get(name) == "DATE" and name not in STAMPS]
    day = (port.month_of if port else None) or next(iter(dates), None)
    left_out = (*STAMPS, *(port.not_compared if port else ()))
    compared = [f'"{name}"' for name in columns if name not in left_out]
    return ROWS.format(
        day=day if day in columns else "cast(null as date)",
        product="product_id" if "product_id" in columns else "cast(null as varchar)",
        store="store_id" if "store_id" in columns else "cast(null as varchar)",
        side=str(is_new).lower(),
        compared=", ".join(compared),
        files=[str(file) for file in files],
    )


def _write(connection: duckdb.DuckDBPyConnection, query: str, file: Path, mode: int) -> None:
    connection.execute(
        f"copy (from ({query}) order by all) to {quoted(file)} (format parquet, compression zstd)"
    )
    file.chmod(mode)


def _file(publication: int) -> str:
    return f"{publication}.parquet"
