"""Take a person out of what is published, now and earlier: their key, and nothing else.

A publication is never changed but for this. The files that hold the key are written again without
it, each in one step, shared ones once; then its list of input files, its manifests and its port
files follow, and say which erasure it was. All of it can be done again after it was killed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import duckdb

from dagster_project.publishing.candidate import input_fingerprint
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
from dagster_project.publishing.ports import read_ports
from dagster_project.publishing.rewriting import (
    Replacement,
    described,
    personal_columns,
    rewrite,
)
from dagster_project.settings import Settings
from dagster_project.warehouse import memory

LandedPath = tuple[str, str, str]
"""Source, entity and path of a landed file."""


def files_with(settings: Settings, keys: Collection[str]) -> dict[str, list[str]]:
    """Published files that hold a key, failed candidates included.

    Returns:
        Paths below the publication's folder, by that folder below published/.
    """
    found = {}
    ports = {port.relation: port for port in read_ports()}
    with memory() as connection:
        for folder in _folders(settings):
            paths = {
                data.path
                for manifest in read_manifest(folder).ports.values()
                for column in personal_columns(manifest, ports)
                for data in _holding(connection, folder, manifest, column, keys)
            }
            if paths:
                found[str(folder.relative_to(settings.published))] = sorted(paths)
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
            rewrite(connection, settings, files, replacement)
            followed = {
                name: described(connection, settings.published / name, paths)
                for name, paths in files.items()
            }
        changed = []
        kept = publications(settings)
        for position, publication in enumerate(kept):
            folder = publication_folder(settings, publication.number)
            before = followed.get(str(folder.relative_to(settings.published)), publication)
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
        for name, publication in followed.items():
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


def _with(erasures: tuple[int, ...], erasure: int) -> tuple[int, ...]:
    return tuple(sorted({*erasures, erasure}))
