"""Take a person out of landed files: their lines stay, and say nothing of anybody any more.

The one exception to "landed files are never changed". Of a line whose personal column holds the
person, all personal columns are emptied, and those that nobody declared: no model reads them, and
they may hold a name. A line that is no record loses the person's number wherever it stands. All
other lines keep their bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project.landing.file import LandedFile
from dagster_project.landing.folder import found_files
from dagster_project.landing.normalising import (
    Lines,
    csv_columns,
    csv_records,
    json_object,
)
from dagster_project.settings import DBT_PROJECT, Settings
from dagster_project.sources import Entity, read_sources
from dagster_project.warehouse import memory
from dagster_project.whole_file import whole_file

BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Traces:
    """What a file holds of a person.

    Attributes:
        lines: lines that name them.
        spellings: the values as they stand there; each has a hash of its own.
    """

    lines: int
    spellings: frozenset[str]


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
            return _parquet_traces(landed.file, landed.entity, customer)[0]
        if landed.format is not None:
            return _Text(landed, customer).traces()
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
        _erase_from_parquet(landed.file, landed.entity, customer)
    else:
        _Text(landed, customer).erase()
    if normalised.exists():
        _erase_from_parquet(normalised, landed.entity, customer)


class _Text:
    """A CSV or JSON lines file, line by line."""

    def __init__(self, landed: LandedFile, customer: str) -> None:
        self.file = landed.file
        self.is_csv = str(landed.format).startswith("csv")
        self.entity = landed.entity
        self.customer = customer
        self.number = re.compile(rf"(?<!\w){re.escape(customer)}(?!\w)")
        self.lines = 0
        self.spellings: set[str] = set()

    def traces(self) -> Traces:
        if self.is_csv and '"' not in self.customer:  # without the bytes no need to parse
            with _bytes(self.file) as stream:
                if self.customer.encode() not in stream.read():
                    return Traces(0, frozenset())
        for _ in self.rewritten():
            pass
        return Traces(self.lines, frozenset(self.spellings))

    def erase(self) -> None:
        if not self.traces().lines:
            return
        with whole_file(self.file) as unfinished:
            _as_before(self.file, unfinished)
            with _text(unfinished, "wb") as text:
                text.writelines(self.rewritten())
            _dated_as(self.file, unfinished)

    def rewritten(self) -> Iterator[str]:
        """The text of the file without the person, counting the lines that held them."""
        self.lines = 0
        with _text(self.file) as text:
            yield from self._csv(text) if self.is_csv else map(self._json, text)

    def _csv(self, text: Iterator[str]) -> Iterator[str]:
        columns, delimiter = csv_columns(self.file, self.entity.column_names)
        lines = Lines(text)
        next(line for line in lines if line.strip())
        yield lines.taken
        lines.forget()
        for values in csv_records(lines, len(columns), delimiter):
            if values is None:
                yield self._without_number(lines.taken)
            elif not self._is_theirs(dict(zip(columns, values, strict=False))):
                yield lines.taken
            else:
                kept = [
                    "" if _is_emptied(name, self.entity) else value
                    for name, value in zip(columns, values, strict=True)
                ]
                line = io.StringIO()
                end = re.search(r"[\r\n]*$", lines.taken)
                csv.writer(
                    line, delimiter=delimiter, lineterminator=end.group() if end else ""
                ).writerow(kept)
                yield line.getvalue()

    def _json(self, line: str) -> str:
        found = json_object(line.removeprefix(BYTE_ORDER_MARK))
        if found is None:
            return self._without_number(line)
        if not self._is_theirs(found):
            return line
        return with_nulls(line, {name for name in found if _is_emptied(name, self.entity)})

    def _is_theirs(self, values: dict[str, str | None]) -> bool:
        spellings = {
            value
            for name, value in values.items()
            if _is_personal(name, self.entity) and value and value.strip() == self.customer
        }
        self.spellings |= spellings
        self.lines += bool(spellings)
        return bool(spellings)

    def _without_number(self, line: str) -> str:
        erased = self.number.sub("", line)
        self.lines += erased != line
        return erased


def with_nulls(line: str, names: set[str]) -> str:
    """The JSON object of a line with null under some names; everything else keeps its text."""
    decoder = json.JSONDecoder()
    parts: list[str] = []
    done, at = 0, line.index("{") + 1
    while True:
        at = _after_space(line, at)
        if line[at] == "}":
            return "".join([*parts, line[done:]])
        name, at = decoder.raw_decode(line, at)
        at = _after_space(line, _after_space(line, at) + 1)  # the colon
        _, end = decoder.raw_decode(line, at)
        if name in names:
            parts += [line[done:at], "null"]
            done = end
        at = _after_space(line, end)
        at += line[at] == ","


def _after_space(line: str, at: int) -> int:
    while line[at] in " \t\r\n":
        at += 1
    return at


def _is_personal(name: str, entity: Entity) -> bool:
    return any(
        column.is_personal and name.casefold() in {own.casefold() for own in column.names}
        for column in entity.columns
    )


def _is_emptied(name: str, entity: Entity) -> bool:
    return name.casefold() not in entity.column_names or _is_personal(name, entity)


def _parquet_traces(file: Path, entity: Entity, customer: str) -> tuple[Traces, np.ndarray]:
    """What a Parquet file holds of a person, and which of its rows, counted from 0."""
    names = [name for name in pq.read_schema(file).names if _is_personal(name, entity)]
    texts = [f"""cast("{name.replace('"', '""')}" as varchar)""" for name in names]
    if not names:
        return Traces(0, frozenset()), np.array([], dtype=np.int64)
    with memory() as connection:
        rows = connection.execute(
            f"select file_row_number, unnest([{', '.join(texts)}]) as spelling"
            " from read_parquet(?, file_row_number = true, hive_partitioning = false)"
            f" where list_contains([{', '.join(f'trim({text})' for text in texts)}], ?)",
            [str(file), customer],
        ).fetchall()
    numbers = sorted({number for number, _ in rows})
    spellings = {text for _, text in rows if text is not None and text.strip() == customer}
    return Traces(len(numbers), frozenset(spellings)), np.array(numbers, dtype=np.int64)


def _erase_from_parquet(file: Path, entity: Entity, customer: str) -> None:
    found, numbers = _parquet_traces(file, entity, customer)
    if not found.lines:
        return
    with whole_file(file) as unfinished, pq.ParquetFile(file) as parquet:
        _as_before(file, unfinished)
        schema = pa.schema(
            [field.with_nullable(True) for field in parquet.schema_arrow],
            metadata=parquet.schema_arrow.metadata,
        )
        codec = parquet.metadata.row_group(0).column(0).compression
        codec = "NONE" if codec == "UNCOMPRESSED" else codec  # it is read and written by two names
        first = 0
        with pq.ParquetWriter(unfinished, schema, compression=codec) as writer:
            for group in range(parquet.num_row_groups):
                table = parquet.read_row_group(group)
                is_theirs = np.isin(np.arange(first, first + len(table)), numbers)
                first += len(table)
                columns = [
                    _emptied(column, pa.array(is_theirs)) if _is_emptied(name, entity) else column
                    for name, column in zip(table.column_names, table.columns, strict=True)
                ]
                writer.write_table(
                    pa.table(columns, schema=schema), row_group_size=max(len(table), 1)
                )
        _dated_as(file, unfinished)


def _emptied(column: pa.ChunkedArray, is_theirs: pa.Array) -> pa.ChunkedArray:
    """Null in some rows. A dictionary is made again: it would keep the value that no row has."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        values = pc.cast(column, kind.value_type)
        return pc.cast(_emptied(values, is_theirs).dictionary_encode(), kind)
    return pc.if_else(is_theirs, pa.scalar(None, kind), column)


def _bytes(file: Path, mode: str = "rb") -> IO[Any]:
    return cast(IO[Any], gzip.open(file, mode)) if _is_gzip(file) else file.open(mode)


def _is_gzip(file: Path) -> bool:
    return file.name.removesuffix(".tmp").endswith(".gz")


def _text(file: Path, mode: str = "rb") -> io.TextIOWrapper:
    """The text of a file with its own line ends and its byte order mark."""
    return io.TextIOWrapper(_bytes(file, mode), "utf-8", newline="")


def _as_before(file: Path, new: Path) -> None:
    """Give a new file the owner and rights of the one it replaces, before anything is in it."""
    status = file.stat()
    new.touch(mode=0o600)
    with suppress(PermissionError):
        os.chown(new, status.st_uid, status.st_gid)
    new.chmod(status.st_mode & 0o777 | 0o200)


def _dated_as(file: Path, new: Path) -> None:
    status = file.stat()
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
