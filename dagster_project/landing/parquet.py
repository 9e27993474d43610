"""A landed Parquet file: read in place where it fits the others, else written again as text.

SQL reads all files of an entity at once and fails, or silently changes values, where a column has
a number in one file and a timestamp in another, or a time zone in only one of them. Text goes with
every type. So the first files fix the types, and one that differs is normalised.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project.landing.normalising import UNPARSED, UnreadableFile
from dagster_project.whole_file import whole_file

ColumnTypes = dict[str, str]
"""Kind of type by column name without case, of the files of an entity that are read in place."""

NO_TYPE = "none: written as text"
"""A kind that no column has, so that a file is normalised whatever its types."""


def read_parquet(
    file: Path,
    normalised: Path,
    declared: Collection[str],
    types: ColumnTypes,
    check: Callable[[Sequence[str]], None],
) -> tuple[list[str], int, bool]:
    """Read a Parquet file to its end, so that no build meets a broken page later.

    Args:
        file: the landed file.
        normalised: where its text goes when its types differ from `types`.
        declared: names of the declared columns without case; only these are normalised.
        types: the types fixed by the files before; extended when this one is read in place.
        check: called with the column names before anything is read.

    Returns:
        The names of its columns, the number of its rows, and whether it was normalised.

    Raises:
        UnreadableFile: the file is not whole, or a declared column holds no plain values.
    """
    try:
        with pq.ParquetFile(file) as parquet:
            check(parquet.schema_arrow.names)
            own = column_types(parquet.schema_arrow, declared)
            row_count = parquet.metadata.num_rows
            if all(kind == types.get(name, kind) != "null" for name, kind in own.items()):
                for _ in parquet.iter_batches():
                    pass
                types.update(own)
                return parquet.schema_arrow.names, row_count, False
            whole = parquet.read()
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(
            f"expected a whole Parquet file, found: {' '.join(str(error).split())}. Land it again, "
            "whole."
        ) from None
    return _write_as_text(whole, normalised, declared), row_count, True


def types_in_place(files: Iterable[Path], declared: Collection[str]) -> ColumnTypes:
    """The types that accepted files have fixed; where they differ, an earlier file counts.

    A file that is broken by now fixes nothing: the registration warns that it has changed.
    """
    types: ColumnTypes = {}
    for file in files:
        try:
            own = column_types(pq.read_schema(file), declared)
        except (pa.ArrowException, OSError, UnreadableFile):
            continue
        types = {**own, **types}
    return types


def column_types(schema: pa.Schema, declared: Collection[str]) -> ColumnTypes:
    """Kinds of type of the declared columns; types of one kind go together in SQL.

    Raises:
        UnreadableFile: a declared column holds lists, structs or maps.
    """
    fields = [field for field in schema if field.name.casefold() in declared]
    for field in fields:
        if pa.types.is_nested(field.type):
            raise UnreadableFile(
                f"expected plain values in the column {field.name}, found {field.type}. Write "
                "one value a line and column."
            )
    return {field.name.casefold(): _kind(field.type) for field in fields}


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_integer(type_):
        return "integer"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return "text"
    if pa.types.is_timestamp(type_):
        return "timestamp with time zone" if type_.tz else "timestamp"
    if pa.types.is_decimal(type_):
        return "decimal"
    return str(type_)


def _write_as_text(whole: pa.Table, target: Path, declared: Collection[str]) -> list[str]:
    """Write the declared columns as text; one of type null holds nothing and is left out."""
    columns = {
        name: _as_text(name, whole[name])
        for name in whole.column_names
        if name.casefold() in declared and not pa.types.is_null(whole[name].type)
    }
    unparsed = pa.nulls(len(whole), pa.string())
    with whole_file(target) as unfinished:
        pq.write_table(pa.table({**columns, UNPARSED: unparsed}), unfinished)
    return list(columns)


def _as_text(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        if pa.types.is_timestamp(values.type) and values.type.tz:
            values = pc.cast(values, pa.timestamp("us", "UTC"), safe=False)
        return pc.cast(values, pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise UnreadableFile(
            f"expected values of the column {name} that can be written as text, found "
            f"{values.type} ({error}). Land the column with the type of the other files."
        ) from None
