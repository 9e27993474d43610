"""Take a person out of a Parquet file, row group by row group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project.landing.traces import Traces, as_before, dated_as, is_emptied, is_personal
from dagster_project.sources import Entity
from dagster_project.warehouse import memory
from dagster_project.whole_file import whole_file


def parquet_traces(file: Path, entity: Entity, customer: str) -> tuple[Traces, np.ndarray]:
    """What a Parquet file holds of a person, and which of its rows, counted from 0."""
    names = [name for name in pq.read_schema(file).names if is_personal(name, entity)]
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


def erase_from_parquet(file: Path, entity: Entity, customer: str) -> None:
    """Empty the columns that say who it was in the person's rows, in one step."""
    found, numbers = parquet_traces(file, entity, customer)
    if not found.lines:
        return
    with whole_file(file) as unfinished, pq.ParquetFile(file) as parquet:
        as_before(file, unfinished)
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
                    _emptied(column, pa.array(is_theirs)) if is_emptied(name, entity) else column
                    for name, column in zip(table.column_names, table.columns, strict=True)
                ]
                writer.write_table(
                    pa.table(columns, schema=schema), row_group_size=max(len(table), 1)
                )
        dated_as(file, unfinished)


def _emptied(column: pa.ChunkedArray, is_theirs: pa.Array) -> pa.ChunkedArray:
    """Null in some rows. A dictionary is made again: it would keep the value that no row has."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        values = pc.cast(column, kind.value_type)
        return pc.cast(_emptied(values, is_theirs).dictionary_encode(), kind)
    return pc.if_else(is_theirs, pa.scalar(None, kind), column)
