"""The register of landed files: each one once, accepted or rejected with a reason.

Landing files are read and never moved or changed. What is registered is a table of its own, so it
outlives every rebuild of the models that read the files.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.landing.file import Contents, LandedFile, read_landed, sha256_of
from dagster_project.landing.folder import FoundFile, found_files, names_in, stray_folders
from dagster_project.landing.normalising import UnreadableFile
from dagster_project.landing.parquet import NO_TYPE, ColumnTypes, types_in_place
from dagster_project.landing.register import RegisteredFile, forget, registered_files, store
from dagster_project.settings import DBT_PROJECT, Settings
from dagster_project.sources import Entity, Source, deployed_sources, read_sources
from dagster_project.warehouse import commit_point, transaction

# A warning lists this many files of a kind and counts the others.
FILES_NAMED = 5


@dataclass
class LandingReport:
    """What one registration found.

    Attributes:
        files_new: files accepted now.
        files_known: files accepted earlier.
        files_rejected: every file in landing that cannot be used, with the reason, whether it was
            found now or earlier.
        rows_new: lines in the files accepted now.
        notes: columns that new files carry and nobody declared.
        warnings: what somebody should look into, such as a registered file that has changed.
    """

    files_new: int = 0
    files_known: int = 0
    files_rejected: list[tuple[str, str]] = field(default_factory=list)
    rows_new: int = 0
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def register_landed(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    *,
    project: Path = DBT_PROJECT,
    seen_at: datetime | None = None,
) -> LandingReport:
    """Register what has landed for the deployed sources since the last time, in one transaction.

    A file that was rejected is looked at again, since it may have been replaced, its source
    declared otherwise, or its day have come. A file that was accepted is looked at again only when
    its size or time of change says so, and is never registered twice. A rejected file that is gone
    is forgotten; an accepted one is missed, since there are lines of it in the warehouse.

    Args:
        settings: whose landing/ is read.
        connection: a writing connection of the warehouse.
        project: the dbt project that declares the sources.
        seen_at: moment of the registration; the clock's by default.
    """
    sources = deployed_sources(settings, project)
    declared = set(read_sources(project))
    report = LandingReport(warnings=list(stray_folders(settings.landing, sources, declared)))
    seen_at = seen_at or datetime.now(UTC)
    rows: list[RegisteredFile] = []
    forgotten: list[RegisteredFile] = []
    for source in sources:
        for entity in source.entities.values():
            before = registered_files(connection, source.name, entity.name)
            changed, gone = _Registration(settings, source, entity, seen_at, report).changes(before)
            rows += changed
            forgotten += gone
    if rows or forgotten:
        with transaction(connection):
            forget(connection, forgotten)
            store(connection, rows)
        commit_point("files_registered")
    return report


def input_files(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The accepted files by (source, entity, path): what a publication was made from.

    Returns:
        One mapping per file: source, entity, path, sha256, business_on, row_count.
    """
    found = connection.execute(
        "select source, entity, path, sha256, business_on, row_count from state.landing_files"
        " where status = 'accepted' order by source, entity, path"
    )
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


class _Registration:
    """One entity's folder, held against its part of the register."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        entity: Entity,
        seen_at: datetime,
        report: LandingReport,
    ) -> None:
        self.settings = settings
        self.source = source
        self.entity = entity
        self.seen_at = seen_at
        self.report = report
        self.name = f"{source.name}/{entity.name}"
        self.folder = settings.landing / source.name / entity.name
        self.normalised = settings.normalised / source.name / entity.name

    def changes(
        self, before: dict[str, RegisteredFile]
    ) -> tuple[list[RegisteredFile], list[RegisteredFile]]:
        """Look at every file of the folder.

        Returns:
            The rows that are new or say something else, and those of rejected files that are gone.
        """
        found = sorted(found_files(self.folder), key=lambda file: file.path)
        accepted = {path: row for path, row in before.items() if row.is_accepted}
        self._check_accepted({file.path: file for file in found}, accepted)
        examined = [file for file in found if file.path not in accepted]
        types = self._types_in_place(accepted) if examined else {}
        rows = [self._examine(file, types, before.get(file.path)) for file in examined]
        self._report(rows, len(found) - len(examined))
        changed = [
            row
            for row in rows
            if row.path not in before or not row.says_the_same_as(before[row.path])
        ]
        gone = before.keys() - {file.path for file in found} - accepted.keys()
        return changed, [before[path] for path in gone]

    def _check_accepted(
        self, found: dict[str, FoundFile], accepted: dict[str, RegisteredFile]
    ) -> None:
        """Warn of files that have changed or gone, and write lost normalised files again."""
        kept = names_in(self.normalised)
        changed, missing, lost = [], [], []
        for path, row in sorted(accepted.items()):
            file = found.get(path)
            if file is None:
                missing.append(f"{path} (sha256 {row.sha256}, {row.size_bytes:,} bytes)")
            elif difference := self._difference(file, row):
                changed.append(f"{path} ({difference})")
            elif not row.is_read_in_place and f"{row.file_id}.parquet" not in kept:
                try:
                    self._read(file, dict.fromkeys(self.entity.column_names, NO_TYPE))
                except UnreadableFile as error:
                    lost.append(f"{path} ({error})")
        self._warn(changed, "has changed since it was registered", "Put it back as it was")
        self._warn(missing, "is registered and no longer there", "Put it back")
        self._warn(lost, "cannot be normalised again", "Declare its source as it was")

    def _difference(self, file: FoundFile, row: RegisteredFile) -> str | None:
        """What has changed in an accepted file; its bytes are read only when there is cause."""
        if file.oddity:
            return f"expected a file, found {file.oddity}"
        if file.size_bytes == row.size_bytes and file.changed_at <= row.first_seen_at:
            return None
        sha256 = sha256_of(self.folder / file.path)
        if sha256 == row.sha256:
            return None
        return (
            f"expected sha256 {row.sha256}, {row.size_bytes:,} bytes; found {sha256}, "
            f"{file.size_bytes:,} bytes"
        )

    def _types_in_place(self, accepted: dict[str, RegisteredFile]) -> ColumnTypes:
        """Types that accepted Parquet files have fixed: one file tells for each set of columns."""
        firsts: dict[tuple[str, ...] | None, Path] = {}
        for row in sorted(accepted.values(), key=lambda row: (row.first_seen_at, row.path)):
            if row.is_read_in_place:
                firsts.setdefault(row.column_names, self.folder / row.path)
        return types_in_place(firsts.values(), self.entity.column_names)

    def _examine(
        self, file: FoundFile, types: ColumnTypes, before: RegisteredFile | None
    ) -> RegisteredFile:
        """Read a file that is not accepted yet, and say what it is."""
        landed = self._landed(file)
        contents: Contents | None = None
        readable_path = reason = None
        try:
            contents = self._read(file, types, self.settings.today)
            readable = self._target(landed) if contents.is_normalised else landed.file
            readable_path = readable.relative_to(self.settings.home).as_posix()
        except UnreadableFile as error:
            reason = str(error)
        has_bytes = not file.oddity and os.access(landed.file, os.R_OK)
        sha256 = sha256_of(landed.file) if has_bytes else None
        first_seen_at = self.seen_at
        if before is not None and contents is None and before.sha256 == sha256:
            first_seen_at = before.first_seen_at  # rejected again, be it for another reason
        return RegisteredFile(
            file_id=landed.file_id,
            source=self.source.name,
            entity=self.entity.name,
            path=file.path,
            readable_path=readable_path,
            business_on=contents.business_on if contents else None,
            format=landed.format,
            size_bytes=file.size_bytes,
            sha256=sha256,
            row_count=contents.row_count if contents else None,
            column_names=contents.columns if contents else None,
            extra_columns=contents.extra_columns if contents else None,
            first_seen_at=first_seen_at,
            status="accepted" if contents else "rejected",
            reason=reason,
        )

    def _read(self, file: FoundFile, types: ColumnTypes, today: date | None = None) -> Contents:
        if file.oddity:
            raise UnreadableFile(f"expected a file, found {file.oddity}. Land files.")
        landed = self._landed(file)
        return read_landed(landed, self._target(landed), types, today)

    def _landed(self, file: FoundFile) -> LandedFile:
        return LandedFile(self.source, self.entity, file.path, self.folder / file.path)

    def _target(self, landed: LandedFile) -> Path:
        return self.normalised / f"{landed.file_id}.parquet"

    def _report(self, rows: list[RegisteredFile], files_known: int) -> None:
        accepted = [row for row in rows if row.is_accepted]
        self.report.files_known += files_known
        self.report.files_new += len(accepted)
        self.report.rows_new += sum(row.row_count or 0 for row in accepted)
        self.report.files_rejected += [
            (f"{self.name}/{row.path}", row.reason or "") for row in rows if not row.is_accepted
        ]
        extra = Counter(column for row in accepted for column in row.extra_columns or ())
        self.report.notes += [
            f"{self.name}: the column {column} is not declared and not read ({files:,} new files)"
            for column, files in sorted(extra.items())
        ]

    def _warn(self, files: list[str], what: str, remedy: str) -> None:
        for file in files[:FILES_NAMED]:
            self.report.warnings.append(
                f"{self.name}/{file} {what}. {remedy}, or land it under a new name."
            )
        if len(files) > FILES_NAMED:
            self.report.warnings.append(
                f"{self.name}: the same of {len(files) - FILES_NAMED:,} more files."
            )
