"""Take a person out of landed files: their lines stay, and say nothing of anybody any more.

The one exception to "landed files are never changed". Of a line whose personal column holds the
person, all personal columns are emptied, and those that nobody declared: no model reads them, and
they may hold a name. A line that is no record loses the person's number wherever it stands. All
other lines keep their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from dagster_project.landing.erasing_parquet import erase_from_parquet, parquet_traces
from dagster_project.landing.erasing_text import TextFile
from dagster_project.landing.file import LandedFile
from dagster_project.landing.folder import found_files
from dagster_project.landing.traces import Traces
from dagster_project.settings import DBT_PROJECT, Settings
from dagster_project.sources import read_sources


def personal_files(settings: Settings, project: Path = DBT_PROJECT) -> Iterator[LandedFile]:
    """Every file of the entities that declare personal columns, whether it was accepted or not."""
    for source in read_sources(project).values():
        for entity in source.entities.values():
            folder = settings.landing / source.name / entity.name
            for found in found_files(folder) if entity.has_personal_columns else ():
                if found.oddity is None:
                    yield LandedFile(source, entity, found.path, folder / found.path)


def traces_in(landed: LandedFile, customer: str) -> Traces | None:
    """Look for a person in a file; None where it cannot be read, but does hold their number."""
    try:
        if landed.format == "parquet":
            return parquet_traces(landed.file, landed.entity, customer)[0]
        if landed.format is not None:
            return TextFile(landed, customer).traces()
    except (OSError, EOFError, ValueError, StopIteration, duckdb.Error, pa.ArrowException):
        pass
    with suppress(OSError):
        if customer.encode() not in landed.file.read_bytes():
            return Traces(0, frozenset())
    return None


def erase_from(landed: LandedFile, normalised: Path, customer: str) -> None:
    """Take a person out of a file and of the normalised one made from it, each in one step.

    The time of change stays: a file that says the same is not read again by the next registration.
    """
    if landed.format == "parquet":
        erase_from_parquet(landed.file, landed.entity, customer)
    else:
        TextFile(landed, customer).erase()
    if normalised.exists():
        erase_from_parquet(normalised, landed.entity, customer)
