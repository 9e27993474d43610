"""Take a person out of what is published, now and earlier: their key, and nothing else.

A publication is never changed but for this. The files that hold the key are written again without
it, each in one step, shared ones once; then its list of input files, its manifests and its port
files follow, and say which erasure it was. All of it can be done again after it was killed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import duckdb

from dagster_project.publishing.candidate import ROW_GROUP_SIZE, describe, input_fingerprint
from dagster_project.publishing.content import combined_hash, content_hashes, partitions
from dagster_project.publishing.current import let_readers_in, publication_folder, publications
from dagster_project.publishing.lock import publishing_lock
from dagster_project.publishing.manifest import (
    INPUTS,
    MANIFEST,
    DataFile,
    PortManifest,
    Publication,
    read_inputs,
    read_manifest,
    write_json,
    write_manifests,
)
from dagster_project.publishing.port_file import write_port_files
from dagster_project.publishing.ports import Port, read_ports
from dagster_project.settings import Settings
from dagster_project.warehouse import memory, quoted

LandedPath = tuple[str, str, str]
"""Source, entity and path of a landed file."""


@dataclass(frozen=True)
class Replacement:
    """What takes the place of a person's keys.

    Attributes:
        keys: the hashes that stand for them.
        salt: makes new ids of those that were derived from a key; nobody keeps it.
    """

    keys: tuple[str, ...]
    salt: str

    @property
    def listed(self) -> str:
        """The keys as a list of SQL."""
        return "(" + ", ".join(f"'{key}'" for key in self.keys) + ")"

    def event_id(self, event_id: str = "event_id") -> str:
        """SQL: an id that its line does not say, and that a digest of the line cannot give again.

        An event id that a source does not bring is a digest of the line, customer included: who has
        the key of the hash could find the line by it.
        """
        return (
            f"regexp_replace({event_id}, '(^|/)[0-9a-f]{{32}}$',"
            f" '\\1' || md5('{self.salt}' || {event_id}))"
        )


def files_with(settings: Settings, keys: Collection[str]) -> dict[str, list[str]]:
    """Published files that hold a key, failed candidates included.

    Returns:
        Paths below the publication's folder, by that folder below published/.
    """
    found = {}
    ports = {port.relation: port for port in read_ports()}
    with memory() as connection:
        for folder in _folders(settings):
            paths = [
                data.path
                for manifest in read_manifest(folder).ports.values()
                for column in _personal(manifest, ports)
                for data in _holding(connection, folder, manifest, column, keys)
            ]
            if paths:
                found[str(folder.relative_to(settings.published))] = paths
    return found


def erase_from_published(
    settings: Settings,
    files: Mapping[str, Sequence[str]],
    replacement: Replacement,
    landed: Mapping[LandedPath, str],
    erasure: int,
) -> list[int]:
    """Take the keys out of published files, and let everything that names these files follow.

    Args:
        settings: the deployment.
        files: those of `files_with`, as it was before anything was erased.
        replacement: what to erase.
        landed: new sha256 of the landed files that have changed.
        erasure: its number.

    Returns:
        Numbers of the publications that say something else than when they were published.
    """
    with publishing_lock(settings):
        files = {  # a killed erasure may go on after an operator has removed a folder
            name: paths
            for name, paths in files.items()
            if (settings.published / name / MANIFEST).exists()
        }
        with memory() as connection:
            _rewrite(connection, settings, files, replacement)
            described = {
                name: _described(connection, settings.published / name, paths)
                for name, paths in files.items()
            }
        changed = []
        kept = publications(settings)
        for position, publication in enumerate(kept):
            folder = publication_folder(settings, publication.number)
            before = described.get(str(folder.relative_to(settings.published)), publication)
            after = _following(folder, before, landed)
            if after is not publication or erasure in publication.erasures:
                after = replace(after, erasures=_with(publication.erasures, erasure))
                write_manifests(folder, after)
                changed.append(publication.number)
            kept[position] = after
        if changed:
            for position, publication in enumerate(kept):
                if publication.number >= changed[0]:
                    folder = publication_folder(settings, publication.number)
                    write_port_files(folder, kept[: position + 1])
        for name, publication in described.items():
            if name.startswith("failed/"):
                write_manifests(
                    settings.published / name,
                    replace(publication, erasures=_with(publication.erasures, erasure)),
                )
        let_readers_in(settings)
    return changed


def _folders(settings: Settings) -> list[Path]:
    return [
        file.parent
        for kind in ("publications", "failed")
        for file in sorted((settings.published / kind).glob(f"*/{MANIFEST}"))
    ]


def _personal(manifest: PortManifest, ports: Mapping[str, Port]) -> list[str]:
    """Columns that may hold a key: those the contract restricts, and all text of a closed port."""
    declared = ports[manifest.relation].personal if manifest.relation in ports else ()
    return [
        name
        for name, kind in manifest.columns.items()
        if kind == "VARCHAR" and (manifest.is_restricted or name in declared)
    ]


def _holding(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    manifest: PortManifest,
    column: str,
    keys: Collection[str],
) -> list[DataFile]:
    found = connection.execute(
        f'select distinct filename from read_parquet(?, filename = true) where "{column}" in'
        " (select unnest(?::varchar[]))",
        [[str(folder / data.path) for data in manifest.files], list(keys)],
    ).fetchall()
    names = {name for (name,) in found}
    return [data for data in manifest.files if str(folder / data.path) in names]


def _rewrite(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    files: Mapping[str, Sequence[str]],
    replacement: Replacement,
) -> None:
    """Write each file again that still holds a key; files that are one stay one."""
    same: dict[tuple[int, int], list[tuple[Path, str]]] = defaultdict(list)
    for name, paths in files.items():
        folder = settings.published / name
        for path in paths:
            if (folder / path).exists():
                status = (folder / path).stat()
                same[status.st_dev, status.st_ino].append((folder, path))
    ports = {port.relation: port for port in read_ports()}
    for (folder, path), *others in same.values():
        manifest = _manifest_of(read_manifest(folder), path)
        columns = _personal(manifest, ports)
        part = _write_without(connection, folder / path, manifest, columns, ports, replacement)
        for other_folder, other in others:
            other_part = (other_folder / other).with_name(f"{Path(other).name}.part")
            other_part.unlink(missing_ok=True)
            os.link(part, other_part)
            os.replace(other_part, other_folder / other)
        os.replace(part, folder / path)


def _write_without(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    manifest: PortManifest,
    columns: Sequence[str],
    ports: Mapping[str, Port],
    replacement: Replacement,
) -> Path:
    """Write the rows of a file without the keys beside it."""
    is_theirs = " or ".join(f'"{column}" in {replacement.listed}' for column in columns)
    changed = [
        f'case when "{column}" not in {replacement.listed} then "{column}" end as "{column}"'
        for column in columns
        if column != "event_id"
    ]
    if "event_id" in manifest.columns:
        changed.append(
            f"case when {is_theirs} then {replacement.event_id()} else event_id end as event_id"
        )
    order = ports[manifest.relation].sorted_by if manifest.relation in ports else ()
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    connection.execute(
        f"copy (from (select * replace ({', '.join(changed)}) from read_parquet({quoted(file)}))"
        f" {'order by ' + ', '.join(order) if order else ''}) to {quoted(part)}"
        f" (format parquet, compression zstd, row_group_size {ROW_GROUP_SIZE})"
    )
    part.chmod(0o400)
    return part


def _described(
    connection: duckdb.DuckDBPyConnection, folder: Path, paths: Sequence[str]
) -> Publication:
    """A publication with what is true of its rewritten files now."""
    publication = read_manifest(folder)
    ports = {port.relation: port for port in read_ports()}
    for path in paths:
        manifest = _manifest_of(publication, path)
        port = ports.get(manifest.relation) or _undeclared(manifest)
        file = folder / path
        connection.execute(
            f'create or replace temp view "{port.relation}" as from read_parquet({quoted(file)})'
        )
        (part,) = partitions(connection, port, manifest.columns)
        compared = [name for name in manifest.columns if name not in port.not_compared]
        (was,) = (item for item in manifest.files if item.path == path)
        part = replace(part, label=was.partition)
        data = describe(folder, file, part, content_hashes(connection, [file], compared))
        files = tuple(data if item.path == path else item for item in manifest.files)
        manifest = replace(
            manifest,
            files=files,
            content_hash=combined_hash([item.content_hash for item in files]),
        )
        publication = replace(publication, ports={**publication.ports, manifest.relation: manifest})
    return publication


def _undeclared(manifest: PortManifest) -> Port:
    """A port that is not declared any more; earlier publications have it."""
    return Port(manifest.relation, manifest.relation, 1, manifest.product, "", key=())


def _following(
    folder: Path, publication: Publication, landed: Mapping[LandedPath, str]
) -> Publication:
    """Let the list of input files name the landed files as they are now."""
    inputs = read_inputs(folder)
    followed = [
        replace(item, sha256=landed.get((item.source, item.entity, item.path), item.sha256))
        for item in inputs
    ]
    fingerprint = input_fingerprint(followed)
    if followed != list(inputs):
        write_json(folder / INPUTS, [asdict(item) for item in followed])
    if fingerprint == publication.input_fingerprint:
        return publication
    return replace(publication, input_fingerprint=fingerprint)


def _manifest_of(publication: Publication, path: str) -> PortManifest:
    return next(
        manifest
        for manifest in publication.ports.values()
        if any(data.path == path for data in manifest.files)
    )


def _with(erasures: tuple[int, ...], erasure: int) -> tuple[int, ...]:
    return tuple(sorted({*erasures, erasure}))
