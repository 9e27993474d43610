"""Write published files again without a person's keys, and say what is true of them now."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from dagster_project.publishing.candidate import ROW_GROUP_SIZE, describe
from dagster_project.publishing.content import combined_hash, content_hashes, partitions
from dagster_project.publishing.manifest import PortManifest, Publication, read_manifest
from dagster_project.publishing.ports import Port, read_ports
from dagster_project.settings import Settings
from dagster_project.warehouse import quoted


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


def rewrite(
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
        columns = personal_columns(manifest, ports)
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


def described(
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


def personal_columns(manifest: PortManifest, ports: Mapping[str, Port]) -> list[str]:
    """Columns that may hold a key: those the contract restricts, and all text of a closed port."""
    declared = ports[manifest.relation].personal if manifest.relation in ports else ()
    return [
        name
        for name, kind in manifest.columns.items()
        if kind == "VARCHAR" and (manifest.is_restricted or name in declared)
    ]


def _manifest_of(publication: Publication, path: str) -> PortManifest:
    return next(
        manifest
        for manifest in publication.ports.values()
        if any(data.path == path for data in manifest.files)
    )
