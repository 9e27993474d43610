"""Write a candidate: a directory of immutable Parquet files that no reader sees yet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from dagster_project.publishing.changes import write_changes
from dagster_project.publishing.content import (
    Partition,
    combined_hash,
    content_hashes,
    partitions,
    table_columns,
)
from dagster_project.publishing.current import (
    current_number,
    current_publication,
    publication_folder,
    publications,
)
from dagster_project.publishing.documents import Describer, write_documents
from dagster_project.publishing.manifest import (
    INPUTS,
    MODEL_FOLDER,
    DataFile,
    InputFile,
    OtherFile,
    PortManifest,
    Provenance,
    Publication,
    write_json,
    write_manifests,
)
from dagster_project.publishing.port_file import write_port_files
from dagster_project.publishing.ports import Port, read_ports
from dagster_project.publishing.sharing import make_port_folder, share
from dagster_project.settings import Settings
from dagster_project.sources import deployed_sources
from dagster_project.warehouse import commit_point, quoted

FORECAST = """
select
    version.forecast_version, version.cutoff_on, version.issued_at, version.model_version,
    model.seed
from state.forecast_versions as version
left join state.model_versions as model using (model_version)
where version.forecast_version in (select forecast_version from sales_forecast_v1)
"""

# Sales lines and promotions are loaded file by file; the other entities are read whole.
INPUT_FILES = """
select source, entity, path, sha256
from state.landing_files
where
    status = 'accepted'
    and source in (select unnest(?::varchar[]))
    and (
        entity not in ('sales_events', 'promotions')
        or file_id in (select file_id from loads)
    )
order by source, entity, path
"""

ROW_GROUP_SIZE = 122_880

Exporter = Callable[[duckdb.DuckDBPyConnection, Publication], Mapping[str, bytes]]
"""Gives the files of a publication's model by name."""


class NothingToPublish(RuntimeError):
    """The warehouse holds no forecast that could be published."""


@dataclass(frozen=True)
class Candidate:
    """A whole publication that is not current yet.

    Attributes:
        publication: what it says of itself.
        folder: where its files are, also once it is current.
    """

    publication: Publication
    folder: Path


@dataclass(frozen=True)
class Plan:
    """What has to be written for one port."""

    port: Port
    columns: dict[str, str]
    partitions: tuple[Partition, ...]


def prepare_candidate(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    provenance: Provenance,
    export: Exporter | None = None,
    describe: Describer | None = None,
) -> Candidate | None:
    """Write the next publication from the warehouse's product views.

    Files whose rows are those of the current publication are shared with it by hard link.

    Args:
        settings: the deployment.
        connection: a writing connection to the warehouse, with the product views built.
        provenance: what the warehouse does not know.
        export: gives the model's files; None publishes none.
        describe: gives the documents; None publishes none.

    Returns:
        The candidate, or None when it would say the same as the current publication.

    Raises:
        NothingToPublish: no forecast has been made yet.
        DeclarationError: a port's declaration is wrong.
    """
    forecast_version, cutoff_on, issued_at, model_version, seed = _forecast(connection)
    inputs = _inputs(settings, connection)
    plans = [_plan(connection, port) for port in read_ports()]
    current = current_publication(settings)
    published = Publication(
        number=(current_number(settings) or 0) + 1,
        published_at=provenance.published_at,
        kind="regular",
        rollback_of=None,
        reason=None,
        cutoff_on=cutoff_on,
        forecast_version=forecast_version,
        issued_at=issued_at,
        model_version=model_version,
        code_revision=provenance.code_revision,
        seed=seed,
        packages=dict(provenance.packages),
        input_fingerprint=input_fingerprint(inputs),
        ports={},
    )
    if current is not None and _says_the_same(current, published, plans):
        return None
    folder = publication_folder(settings, published.number)
    shared = _files_by_content(settings, current)
    ports = {plan.port.relation: _write(connection, folder, plan, shared) for plan in plans}
    write_json(folder / INPUTS, [asdict(item) for item in inputs])
    exported = export(connection, published) if export else {}
    known = _model_files_by_hash(settings, current)
    model_files = tuple(
        _write_model_file(folder, name, exported[name], known) for name in sorted(exported)
    )
    written = replace(published, ports=ports, model_files=model_files)
    documents = write_documents(folder, describe(connection, written) if describe else {})
    return complete(settings, replace(written, documents=documents))


def complete(settings: Settings, publication: Publication) -> Candidate:
    """Add port files and manifests to a folder of data files; with them it is a candidate."""
    folder = publication_folder(settings, publication.number)
    _name_tables(folder, publication)
    publication = replace(publication, changes=write_changes(settings, publication))
    write_port_files(folder, [*publications(settings), publication])
    write_manifests(folder, publication)
    commit_point("candidate_written")
    return Candidate(publication, folder)


def _name_tables(folder: Path, publication: Publication) -> None:
    """Give each table's folder a second name, the table's own, for readers of Parquet."""
    for relation, manifest in publication.ports.items():
        place = (folder / manifest.files[0].path).parent
        link = place.parent.parent / relation
        if not link.is_symlink():
            link.symlink_to(place.relative_to(link.parent))


def _forecast(connection: duckdb.DuckDBPyConnection) -> tuple[int, date, datetime, str, int | None]:
    found = connection.execute(FORECAST).fetchall()
    if len(found) != 1:
        raise NothingToPublish(
            f"sales_forecast_v1: expected one forecast version to publish, found {len(found)}. "
            "Run `meshcast run`, which trains a model and makes one."
        )
    version, cutoff_on, issued_at, model_version, seed = found[0]
    return version, cutoff_on, issued_at, model_version, seed


def _inputs(settings: Settings, connection: duckdb.DuckDBPyConnection) -> tuple[InputFile, ...]:
    names = [source.name for source in deployed_sources(settings)]
    rows = connection.execute(INPUT_FILES, [names]).fetchall()
    return tuple(InputFile(*row) for row in rows)


def input_fingerprint(inputs: Sequence[InputFile]) -> str:
    """One sha256 over the landed files that a publication was made from."""
    lines = "\n".join(f"{item.source}/{item.entity}/{item.path} {item.sha256}" for item in inputs)
    return hashlib.sha256(lines.encode()).hexdigest()


def _plan(connection: duckdb.DuckDBPyConnection, port: Port) -> Plan:
    columns = table_columns(connection, port.relation)
    return Plan(port, columns, tuple(partitions(connection, port, columns)))


def _says_the_same(current: Publication, new: Publication, plans: Sequence[Plan]) -> bool:
    """Whether a new publication would tell readers nothing that the current one does not."""

    def facts(publication: Publication) -> tuple[object, ...]:
        return (
            publication.cutoff_on,
            publication.model_version,
            publication.input_fingerprint,
        )

    # Sets: the history of a forecast that was issued twice says nothing that it did not say before.
    published = {
        relation: {data.compared for data in manifest.files}
        for relation, manifest in current.ports.items()
    }
    planned = {plan.port.relation: {part.compared for part in plan.partitions} for plan in plans}
    contracts = {relation: port.contract_version for relation, port in current.ports.items()}
    return (
        facts(current) == facts(new)
        and published == planned
        and contracts == {plan.port.relation: plan.port.contract_version for plan in plans}
    )


def _files_by_content(
    settings: Settings, current: Publication | None
) -> dict[tuple[str, str, str], tuple[Path, DataFile]]:
    """Files of the current publication by relation, partition and fingerprint."""
    if current is None:
        return {}
    folder = publication_folder(settings, current.number)
    return {
        (relation, data.partition, data.fingerprint): (folder / data.path, data)
        for relation, manifest in current.ports.items()
        for data in manifest.files
    }


def _model_files_by_hash(settings: Settings, current: Publication | None) -> dict[str, Path]:
    if current is None:
        return {}
    folder = publication_folder(settings, current.number)
    return {item.sha256: folder / item.path for item in current.model_files}


def _write_model_file(
    folder: Path, name: str, content: bytes, known: Mapping[str, Path]
) -> OtherFile:
    """Write one file of the model, or share it with the publication that has it already."""
    path = f"{MODEL_FOLDER}/{name}"
    make_port_folder(folder, MODEL_FOLDER)
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 in known and known[sha256].is_file():
        share(known[sha256], folder / path)
    else:
        (folder / path).write_bytes(content)
        (folder / path).chmod(0o444)
    return OtherFile(path, len(content), sha256)


def _write(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    plan: Plan,
    shared: dict[tuple[str, str, str], tuple[Path, DataFile]],
) -> PortManifest:
    port = plan.port
    make_port_folder(folder, port.folder)
    kept: dict[Partition, DataFile] = {}
    written: dict[Partition, Path] = {}
    for part in plan.partitions:
        path = f"{port.folder}/{part.label}.parquet"
        known = shared.get((port.relation, part.label, part.fingerprint))
        if known is not None and known[0].is_file():
            share(known[0], folder / path)
            kept[part] = replace(known[1], path=path)
        else:
            written[part] = _write_file(connection, folder / path, plan, part)
    compared = [name for name in plan.columns if name not in port.not_compared]
    hashes = content_hashes(connection, list(written.values()), compared)
    files = [
        kept[part] if part in kept else describe(folder, written[part], part, hashes)
        for part in plan.partitions
    ]
    return PortManifest(
        relation=port.relation,
        product=port.product,
        contract_version=port.contract_version,
        is_restricted=port.is_restricted,
        columns=plan.columns,
        rows=sum(data.rows for data in files),
        content_hash=combined_hash([data.content_hash for data in files]),
        files=tuple(files),
    )


def _write_file(
    connection: duckdb.DuckDBPyConnection, file: Path, plan: Plan, part: Partition
) -> Path:
    """Write one partition, sorted, so that the same rows give the same bytes."""
    connection.execute(
        f'copy (select * from "{plan.port.relation}" where {part.where}'
        f" order by {', '.join(plan.port.sorted_by)}) to {quoted(file)}"
        f" (format parquet, compression zstd, row_group_size {ROW_GROUP_SIZE})"
    )
    file.chmod(0o440 if plan.port.is_restricted else 0o444)
    return file


def describe(
    folder: Path, file: Path, part: Partition, hashes: dict[Path, tuple[int, str]]
) -> DataFile:
    """What a manifest says of a file that has been written."""
    rows, hashed = hashes[file]
    if rows != part.rows:
        raise RuntimeError(f"{file}: expected {part.rows} rows as counted before, found {rows}")
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return DataFile(
        path=str(file.relative_to(folder)),
        partition=part.label,
        rows=rows,
        size_bytes=file.stat().st_size,
        sha256=sha256,
        fingerprint=part.fingerprint,
        compared=part.compared,
        content_hash=hashed,
    )
